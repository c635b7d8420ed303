"""What a contact sheet shows of the answers of `search`: as many as fit, their pictures looked up at the end."""

from collections import Counter
from typing import TYPE_CHECKING, Any

from .missing import missing_of
from .sheet import MOST, Cell, Strip, tile_side
from .thumbnails import of_query, of_rows

if TYPE_CHECKING:
    from ...store.version.store import Store


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
