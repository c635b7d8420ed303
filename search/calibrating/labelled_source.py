"""A labelled source, and how it is read: what `embed` takes as options, for what is measured or calibrated with."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from ...store.files.content import SourceUse


@dataclass(frozen=True)
class LabelledSource:
    """What the shell calls SOURCE, for `calibrate`, `evaluate` and `report`, where it is not read in the usual way.

    exclude: patterns of files and folders to leave out, as in a .gitignore. labels: whether the names of folders are
    labels. follow_links: also out of the source. image_column, label_column: those of a table.
    """

    path: str | os.PathLike[str]
    exclude: str | Sequence[str] = ()
    labels: bool = True
    follow_links: bool = False
    image_column: str | None = None
    label_column: str | None = None

    def __fspath__(self) -> str:
        return os.fspath(self.path)

    def __str__(self) -> str:
        return os.fspath(self.path)

    @property
    def options(self) -> dict[str, Any]:
        """How it is read, as keyword arguments."""
        return {field.name: getattr(self, field.name) for field in fields(self)[1:]}

    @property
    def uses(self) -> tuple[SourceUse, ...]:
        """What tells where its pictures are, as a collection notes it of its own sources."""
        return (SourceUse(str(self), "", self.image_column, self.label_column),)

    @classmethod
    def of(cls, source: str | os.PathLike[str]) -> "LabelledSource":
        """A source that may be one already."""
        return source if isinstance(source, cls) else cls(source)

    @classmethod
    def taken(cls, source: str, options: dict[str, Any]) -> "LabelledSource":
        """A source with its options, which are taken out of those of a command."""
        return cls(source, **{field.name: options.pop(field.name) for field in fields(cls)[1:]})
