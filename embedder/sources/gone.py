"""A source that is not there any more, for the one thing that can still be done with it: removing all its images."""

from collections.abc import Iterator
from typing import Any

from .base import Record, Source
from .options import USUAL, SourceOptions


class GoneSource(Source):
    """The name of a source without any record."""

    kind, called = "gone", "a source that is gone"
    accepted_options = frozenset[str]()

    def __init__(self, name: str, *, options: SourceOptions = USUAL) -> None:
        self.name, self.options = name, options
        self.extra_types = {}

    def describe(self) -> dict[str, Any]:
        """The name."""
        return {"kind": self.kind, "name": self.name}

    def records(self) -> Iterator[Record]:
        """None."""
        return iter(())

    def read(self, locator: Any) -> bytes:
        """Never asked for."""
        raise NotImplementedError
