"""What a sync did: the counts that embedding images and importing vectors return."""

from dataclasses import dataclass

from ..record import Record


@dataclass(frozen=True, eq=False)
class EmbedResult(Record):
    """What `Collection.embed` did; seen = embedded + skipped + rejected + duplicates.

    Attributes
    ----------
    seen : int
        Images of the source.
    embedded : int
        Images that were new or had changed, and were encoded.
    skipped : int
        Images that the collection has already.
    duplicates : int
        Images whose content the collection has under another key: stored with its vector.
    rejected : int
        Images that cannot be read; the collection lists them with the reasons.
    removed : int
        Rows that were removed, because their image is gone (`prune`) or cannot be read any more.
    ignored : int
        Files of the source that are no images.
    seconds : float
        How long it took.
    """

    seen: int
    embedded: int
    skipped: int
    duplicates: int
    rejected: int
    removed: int
    ignored: int
    seconds: float


@dataclass(frozen=True, eq=False)
class ImportResult(Record):
    """What `Collection.import_vectors` did; seen = added + replaced + skipped.

    Attributes
    ----------
    seen : int
        Rows of the file.
    added : int
        Rows with a key that the collection did not have.
    replaced : int
        Rows whose vector, label or further columns had changed.
    skipped : int
        Rows that the collection has already.
    """

    seen: int
    added: int
    replaced: int
    skipped: int
