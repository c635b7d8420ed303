"""One image: its key is its file name, and it has no label."""

import os
from collections.abc import Iterator, Set
from pathlib import Path
from typing import Any

from .base import Record, Source
from .files import facts, read_file
from .options import USUAL, SourceOptions


class SingleSource(Source):
    """One image file, whatever its extension."""

    kind, called = "single", "one file"
    accepted_options = frozenset({"follow_links"})  # which happens anyway

    def __init__(self, path: str | Path, *, options: SourceOptions = USUAL) -> None:
        self.options = options
        self._path = os.path.abspath(path)
        self.name = os.path.realpath(path)
        self.extra_types = {}

    def describe(self) -> dict[str, Any]:
        """The file."""
        return {"kind": self.kind, "path": self._path, **self.options.to_spec()}

    def read(self, locator: Any) -> bytes:
        """Its bytes."""
        return read_file(self._path)

    def locate(self, keys: Set[str]) -> dict[str, Any]:
        """All of `keys`: the file may have been embedded by the name of a link that led to it."""
        return dict.fromkeys(keys)

    def path_of(self, locator: Any) -> str:
        """The file itself."""
        return self._path

    def records(self) -> Iterator[Record]:
        """The one record."""
        yield Record(os.path.basename(self._path), None, None, *facts(self._path), {})
