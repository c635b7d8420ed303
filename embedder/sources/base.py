"""What every source promises.

Contract: a source lists records in a stable order, streaming, without opening an image, and gives the pixels of one
record wherever and whenever it is asked (`read`), so that a fragment of records can be embedded by another process.
Nothing is skipped silently: what is not a usable image still is a record, and `read` raises Rejected for it; only files
with another extension and hidden ones are left out, and counted in `ignored`. Keys, labels and names are text as Python
decodes file names (bytes that are not UTF-8 are lone surrogates); the store keeps them reversibly.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Set
from typing import Any, ClassVar, NamedTuple

from ..images.raw_pixels import RawPixels

__all__ = ["RawPixels", "Record", "Source"]

from .options import SourceOptions


class Record(NamedTuple):
    """One image of a source, not read yet.

    key: its name in the collection. label: its class or None. locator: where the source finds it again, JSON-able.
    size (bytes), mtime_ns: of the file that holds it (the table's or the IDX file's own, where that is the file), None
    where unknown; equal ones mean unchanged. extra: the source's further columns by name, see Source.extra_types.
    """

    key: str
    label: str | None
    locator: Any
    size: int | None
    mtime_ns: int | None
    extra: dict[str, Any]


class Source(ABC):
    """Where images come from. `describe()` is JSON, and `from_spec` opens the same source again, without listing it."""

    kind: ClassVar[str]
    called: ClassVar[str]
    """The kind in words, such as "a folder"."""
    accepted_options: ClassVar[frozenset[str]]
    """The fields of SourceOptions that mean something for this kind."""
    options: SourceOptions
    name: str
    """What the rows record as their source: an absolute path with links resolved."""
    unique: bool = True
    """Whether two records cannot have the same key by construction (names in a folder)."""
    ignored: int = 0
    """Files left out for their name, and folders, each once; known once `records()` has run."""
    unlisted: str | None = None
    """A folder whose files are not known since it cannot be listed, once `records()` has run."""
    extra_types: dict[str, str]
    """The further columns and their types: "string", "int64", "double" or "bool"."""

    @abstractmethod
    def records(self) -> Iterator[Record]:
        """List all records in a stable order; sets `ignored`. LookalikeError where the source itself is unusable."""

    def labels(self) -> Iterator[str | None]:
        """List the label of every record, in their order, by what tells it soonest; no image is read."""
        return (record.label for record in self.records())

    def notes(self) -> list[str]:
        """What people may want to know of the last listing, a sentence each, such as what was left out."""
        return []

    @abstractmethod
    def read(self, locator: Any) -> bytes | RawPixels:
        """Give the encoded image, or pixels, of one record; Rejected where it cannot be had."""

    def locate(self, keys: Set[str]) -> dict[str, Any]:
        """The locators of those of `keys` that are records here; the source is listed until all are found."""
        found: dict[str, Any] = {}
        for record in self.records() if keys else ():
            if record.key in keys:
                found[record.key] = record.locator
                if len(found) == len(keys):
                    break
        return found

    def path_of(self, locator: Any) -> str | None:
        """Give the file that holds just this record's picture, absolute; None where none does (rows of a file)."""
        return None

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Give what `from_spec` opens this source from again, as JSON values: "kind" and what the class is made of."""
