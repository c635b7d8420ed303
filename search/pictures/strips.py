"""What a contact sheet shows of the answers of `search`, and what to say of the pictures that it lacks."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from .sheet import MOST, Cell, Strip, tile_side
from .thumbnails import of_query, of_rows

if TYPE_CHECKING:
    from ...store.version.store import Store
import shlex
from collections.abc import Iterable

from ...store.shown import shown
from .thumbnails import Picture


class Strips:
    """Keeps answers (dicts with the fields of `search --json`) until MOST hits are kept; `left_out` counts the rest.

    An answer is kept whole but the last one, whose nearest hits are. left_out: hits that are not shown. missing: of
    those shown, once `drawn`, how many have no picture, by the reason why. piped: the image that the query "-" is.
    """

    def __init__(self, store: "Store", piped: bytes | None = None) -> None:
        self._store, self._piped = store, piped
        self.missing: Counter[str] = Counter()
        self._answers: list[dict[str, Any]] = []
        self._room = MOST
        self.left_out = 0

    def add(self, answer: dict[str, Any]) -> None:
        """Keep what there is room for of one answer."""
        hits = answer.get("hits", [])
        kept = hits[: self._room]
        self.left_out += len(hits) - len(kept)
        # A query without hits (an error) takes room too, so that no list of queries makes an endless sheet.
        if self._room > 0:
            self._answers.append({**answer, "hits": kept})
            self._room -= max(1, len(kept))

    def drawn(self) -> list[Strip]:
        """The strips, in the order asked."""
        side = tile_side(max((len(answer["hits"]) for answer in self._answers), default=0), len(self._answers))
        keys = [hit["key"] for answer in self._answers for hit in answer["hits"]]
        found = of_rows(self._store, self._store.find(keys), side)
        self.missing = missing_of(found)
        pictures = iter(found)
        return [self._strip(answer, side, pictures) for answer in self._answers]

    def _strip(self, answer: dict[str, Any], side: int, pictures: Any) -> Strip:
        name = answer["query"]
        hits = [Cell(next(pictures), hit["key"], hit["label"], hit["distance"]) for hit in answer["hits"]]
        if "error" in answer:
            return Strip(Cell("not read", name), hits, f"error: {answer['error']}")
        return Strip(Cell(of_query(self._store, name, side, self._piped), name), hits)


AWAY = ("source cannot be read", "not found")
"""Reasons that a source which has moved leaves."""


def missing_of(pictures: Iterable[Picture]) -> "Counter[str]":
    """How many of these pictures are not there, by the reason why."""
    return Counter(picture for picture in pictures if isinstance(picture, str))


def missing_words(reasons: "Counter[str]", path: str, collection: str) -> str:
    """How many pictures a sheet lacks, why, and what to do where their source is not where it was."""
    why = ", ".join(f"{shown(reason)} ({count})" for reason, count in reasons.most_common())
    command = shown(shlex.join(("lookalike", "move", collection, "OLD", "NEW")))
    hint = f"; if a source has moved, `{command}` says where to" if any(reason in reasons for reason in AWAY) else ""
    pictures = "picture is" if reasons.total() == 1 else "pictures are"
    return f"{reasons.total()} {pictures} missing in {shown(path)}: {why}{hint}"
