"""A labelled source for `calibrate`, `evaluate` and `report`, with the options for reading it that `embed` has."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from ...store.files.content import SourceUse


@dataclass(frozen=True)
class LabelledSource:
    """Labelled images for `calibrate`, `evaluate` and `report`, with options for reading them.

    A plain path is enough where none of the options is needed.

    Parameters
    ----------
    path : path-like
        A folder, a table, or anything else that `embed` takes.
    exclude : str or sequence of str
        Patterns of files and folders to leave out, as in a .gitignore.
    labels : bool
        Whether the names of folders are labels.
    follow_links : bool
        Whether to follow links that lead out of the source.
    image_column, label_column : str, optional
        The columns of a table that hold the images and the labels.

    Examples
    --------
    >>> source = LabelledSource("shots.csv", label_column="species", exclude="drafts/")
    >>> str(source), source.label_column
    ('shots.csv', 'species')
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
        """The options for reading it, as keyword arguments."""
        return {field.name: getattr(self, field.name) for field in fields(self)[1:]}

    @property
    def uses(self) -> tuple[SourceUse, ...]:
        """Where its images are, in the form in which a collection records its own sources."""
        return (SourceUse(str(self), "", self.image_column, self.label_column),)

    @classmethod
    def of(cls, source: str | os.PathLike[str]) -> "LabelledSource":
        """`source` as a LabelledSource, unless it is one already."""
        return source if isinstance(source, cls) else cls(source)

    @classmethod
    def taken(cls, source: str, options: dict[str, Any]) -> "LabelledSource":
        """A source with its options, which are removed from the `options` of a command."""
        return cls(source, **{field.name: options.pop(field.name) for field in fields(cls)[1:]})
