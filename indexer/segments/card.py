"""What `index` built and the recall that it reached: one card for the collection, and one for each segment."""

from dataclasses import asdict, dataclass
from typing import Any

from ...store.files.content import SegmentEntry
from ..engine.weight import shown
from .tuning import Recall


@dataclass(frozen=True)
class SegmentCard:
    """One segment: factory string, run-time parameters, rows, bytes of its file, and the recall measured on it.

    recall: at k, with its exact 95 % interval, over `queries` stored rows that were not used for tuning. A segment that
    compares every row has recall 1 and no queries. wanted: the recall requested. seconds: to build and tune it.
    """

    spec: str
    parameters: dict[str, Any]
    rows: int
    bytes: int
    recall: float
    recall_low: float
    recall_high: float
    queries: int
    k: int
    wanted: float
    seconds: float
    note: str | None = None

    @classmethod
    def of(cls, entry: SegmentEntry) -> "SegmentCard":
        """The card of a segment, from its entry."""
        return cls(entry.spec, entry.parameters, entry.rows, entry.size, **entry.card)


def card_of(recall: Recall | None, k: int, wanted: float, seconds: float, note: str | None) -> dict[str, Any]:
    """The part of a segment's card that its entry keeps. recall: None where every row is compared."""
    measured = recall or Recall(1.0, 1.0, 1.0, 0, k)
    return {
        "recall": measured.mean,
        "recall_low": measured.low,
        "recall_high": measured.high,
        "queries": measured.queries,
        "k": k,
        "wanted": wanted,
        "seconds": round(seconds, 3),
        "note": note,
    }


@dataclass(frozen=True)
class IndexCard:
    """What an index was built with, and what it was measured to reach.

    Parameters
    ----------
    version : int
        The version of the collection that has this index.
    spec : str
        The FAISS factory string that was requested, or "auto".
    recall, recall_low, recall_high : float
        Mean recall@k over the segments, weighted by rows, and the means of the ends of their exact 95 % intervals.
    k : int
        Number of neighbours for which recall is measured.
    wanted : float
        The recall that was requested.
    rows : int
        Number of indexed rows.
    bytes : int
        Size of all segments together.
    seconds : float
        Duration of the call that built the index.
    classes : int
        Number of classes that have prototypes.
    segments : tuple of SegmentCard
        One card for each segment, with its spec, parameters and recall.
    notes : tuple of str
        Where the index differs from what was requested, and why.
    head : str or None
        "refitted" or "dropped" if that happened to the stored linear head, otherwise None.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import numpy as np
    >>> from lookalike import Collection
    >>> from lookalike.store.version.store import Store
    >>> vectors = np.eye(4, dtype=np.float32)
    >>> with TemporaryDirectory() as folder:
    ...     Store.create(folder).close()
    ...     with Collection.open(folder) as collection:
    ...         _ = collection.add(vectors, keys=["a", "b", "c", "d"], labels=["cat", "cat", "dog", "dog"])
    ...         card = collection.index()
    >>> print(card)
    4 rows by Flat, exact, 109B, 2 class prototypes
    >>> card.rows, card.recall, card.notes
    (4, 1.0, ())
    >>> card.to_json()["segments"][0]["spec"]
    'Flat'
    """

    version: int
    spec: str
    recall: float
    recall_low: float
    recall_high: float
    k: int
    wanted: float
    rows: int
    bytes: int
    seconds: float
    classes: int
    segments: tuple[SegmentCard, ...]
    notes: tuple[str, ...]
    head: str | None

    @classmethod
    def of(
        cls,
        version: int,
        request: dict[str, Any],
        entries: tuple[SegmentEntry, ...],
        classes: int,
        seconds: float,
        head: str | None = None,
    ) -> "IndexCard":
        """The card of a collection with these segments. asked: spec, recall and k of the request."""
        cards = tuple(SegmentCard.of(entry) for entry in entries)
        rows = sum(card.rows for card in cards)
        share = [card.rows / rows for card in cards]
        recall, low, high = (
            sum(s * getattr(card, name) for s, card in zip(share, cards, strict=True)) if rows else 1.0
            for name in ("recall", "recall_low", "recall_high")
        )
        notes = tuple(dict.fromkeys(card.note for card in cards if card.note))
        return cls(
            version,
            request["spec"],
            recall,
            low,
            high,
            request["k"],
            request["recall"],
            rows,
            sum(card.bytes for card in cards),
            round(seconds, 3),
            classes,
            cards,
            notes,
            head,
        )

    def to_json(self) -> dict[str, Any]:
        """The card as JSON-able data."""
        return asdict(self)

    def __str__(self) -> str:
        """One line about the index, one about a linear head that changed, and one for each note."""
        head = () if self.head is None else (_HEADS[self.head],)
        return "\n".join((self._line() if self.rows else "no rows to index", *head, *self.notes))

    def _line(self) -> str:
        specs = ", ".join(dict.fromkeys(_spec(card) for card in self.segments))
        exact = all(card.spec == "Flat" for card in self.segments)
        recall = (
            "exact" if exact else f"recall@{self.k} {self.recall:.4f} ({self.recall_low:.4f}-{self.recall_high:.4f})"
        )
        classes = _counted(self.classes, "class prototype")
        return f"{_counted(self.rows, 'row')} by {specs}, {recall}, {shown(self.bytes)}, {classes}"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


_HEADS = {
    "refitted": "the linear head was out of date and was fitted again",
    "dropped": "the linear head was dropped, since no labelled row is left",
}


def _spec(card: SegmentCard) -> str:
    return card.spec + "".join(f" {name}={value}" for name, value in card.parameters.items())
