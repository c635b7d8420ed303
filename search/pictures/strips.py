"""The strips of a contact sheet from the answers of `search`, and the message about missing pictures."""

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
    """Collects answers (dicts with the fields of `search --json`) until there are MOST hits.

    The last answer is cut to its nearest hits. left_out: number of hits that are not shown. missing: after `drawn`, the
    number of shown hits without a picture, by reason. piped: the image of the query "-".
    """

    def __init__(self, store: "Store", piped: bytes | None = None) -> None:
        self._store, self._piped = store, piped
        self.missing: Counter[str] = Counter()
        self._answers: list[dict[str, Any]] = []
        self._room = MOST
        self.left_out = 0

    def add(self, answer: dict[str, Any]) -> None:
        """Add one answer, or the part of it for which there is room."""
        hits = answer.get("hits", [])
        shown_hits = hits[: self._room]
        self.left_out += len(hits) - len(shown_hits)
        # A query without hits (an error) takes room too, so that the size of a sheet is bounded.
        if self._room > 0:
            self._answers.append({**answer, "hits": shown_hits})
            self._room -= max(1, len(shown_hits))

    def drawn(self) -> list[Strip]:
        """The strips, in the order of the queries."""
        side = tile_side(max((len(answer["hits"]) for answer in self._answers), default=0), len(self._answers))
        keys = [hit["key"] for answer in self._answers for hit in answer["hits"]]
        thumbnails = of_rows(self._store, self._store.find(keys), side)
        self.missing = missing_of(thumbnails)
        pictures = iter(thumbnails)
        return [self._strip(answer, side, pictures) for answer in self._answers]

    def _strip(self, answer: dict[str, Any], side: int, pictures: Any) -> Strip:
        name = answer["query"]
        hits = [Cell(next(pictures), hit["key"], hit["label"], hit["distance"]) for hit in answer["hits"]]
        if "error" in answer:
            return Strip(Cell("not read", name), hits, f"error: {answer['error']}")
        return Strip(Cell(of_query(self._store, name, side, self._piped), name), hits)


AWAY = ("source cannot be read", "not found")
"""The reasons given for pictures of a source that has moved."""


def missing_of(pictures: Iterable[Picture]) -> "Counter[str]":
    """The number of missing pictures by reason."""
    return Counter(picture for picture in pictures if isinstance(picture, str))


def missing_words(reasons: "Counter[str]", path: str, collection: str) -> str:
    """The message about missing pictures: how many, why, and what to do if their source has moved."""
    why = ", ".join(f"{shown(reason)} ({count})" for reason, count in reasons.most_common())
    command = shown(shlex.join(("lookalike", "move", collection, "OLD", "NEW")))
    hint = f"; if a source has moved, tell where with `{command}`" if any(reason in reasons for reason in AWAY) else ""
    pictures = "picture is" if reasons.total() == 1 else "pictures are"
    return f"{reasons.total()} {pictures} missing in {shown(path)}: {why}{hint}"
