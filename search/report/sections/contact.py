"""Contact sheets in the page: an image beside the nearest stored image of its nearest class, with a caption."""

from collections.abc import Sequence

import numpy as np

from ....store.shown import shortened
from ....store.version.lookups import code_of
from ...pictures.thumbnails import Picture, of_rows, of_source
from ..material import Material
from ..page import text
from ..thumbnails import SIDE, framed

MOST = 24
_KEY = 60


def contact_sheet(material: Material, places: Sequence[int] | np.ndarray, captions: Sequence[str]) -> str:
    """One card for each of the questions at `places` (m,), with its caption (HTML) and its key."""
    queries = _pictures(material, places)
    rows = nearest_rows(material, places)
    pictures = iter(of_rows(material.store, rows[rows >= 0], SIDE))
    hits = [next(pictures) if row >= 0 else "none found" for row in rows.tolist()]
    nearest = material.answers.nearest
    cards = []
    for place, picture, hit, caption in zip(places, queries, hits, captions, strict=True):
        label = material.questions.labels[place]
        pair = framed(picture, f"an image of {label}") + framed(hit, f"the nearest image of {nearest[place]}")
        key = text(shortened(material.questions.keys[place], _KEY))
        cards.append(
            f'<div class="card"><div class="pair">{pair}</div><p>{caption}<br><small>{key}</small></p></div>\n'
        )
    return f'<div class="sheet">\n{"".join(cards)}</div>\n'


def nearest_rows(material: Material, places: Sequence[int] | np.ndarray) -> np.ndarray:
    """For each question at `places` (m,) the nearest row of its nearest class, (m,) int64; -1 for none.

    Rows with the question's own content do not count.
    """
    store, questions = material.store, material.questions
    live = store.live_rows()
    codes = store.codes(live)
    codes_by_class = code_of(store.classes)
    rows = np.full(len(places), -1, np.int64)
    for i, place in enumerate(places):
        allowed = np.zeros(store.next_row, bool)
        allowed[live[codes == codes_by_class.get(material.answers.nearest[place] or "", -2)]] = True
        allowed[questions.excluded_rows[place]] = False
        if allowed.any():
            rows[i] = material.view.instances.search(questions.vectors[[place]], 1, allowed=allowed)[1][0, 0]
    return rows


def _pictures(material: Material, places: Sequence[int] | np.ndarray) -> Sequence[Picture]:
    questions = material.questions
    keys = [questions.keys[place] for place in places]
    if questions.source is None:
        return of_rows(material.store, material.store.find(keys), SIDE)
    contents = [questions.contents[place] for place in places]
    return of_source(str(questions.source), keys, contents, SIDE, questions.source.uses)
