"""Pictures and the pictures nearest to them, for collections without labels too.

The closest pairs come first: they are near-copies, or images that the model cannot tell apart. Pictures drawn at random
follow, which show what an ordinary answer looks like.
"""

import numpy as np

from ....measures.distances import distance_of
from ....store.shown import shortened
from ...neighbours.own_picture import rows_of_contents
from ...pictures.thumbnails import of_rows
from ..material import Material
from ..page import LeftOut, Section, paragraph, text
from ..sampling import stratified
from ..thumbnails import SIDE, framed

NAME, TITLE = "look-alikes", "Pictures and their nearest ones"
SAMPLED, CLOSEST, DRAWN, MOST_COPIES = 1000, 12, 12, 100
_KEY = 40


def section(material: Material) -> Section:
    """Cards of stored pictures, each beside the nearest one. Raises LeftOut where there are no two pictures."""
    rows, nearest, distances = nearest_of(material)
    if not len(rows):
        raise LeftOut("the collection has fewer than two embedded images")
    order = _once(rows, nearest, np.argsort(distances, kind="stable"))
    closest = order[:CLOSEST]
    others = np.setdiff1d(np.arange(len(rows)), closest)
    drawn = np.sort(np.random.default_rng(material.seed).permutation(others)[:DRAWN])
    of = f"{len(rows):,} of {material.store.rows:,}" if len(rows) < material.store.rows else f"{len(rows):,}"
    body = paragraph(f"The closest pairs among {of} stored images, without exact copies.")
    body += _cards(material, rows[closest], nearest[closest], distances[closest])
    if len(drawn):
        body += paragraph("Images drawn at random, each with the stored image nearest to it.")
        body += _cards(material, rows[drawn], nearest[drawn], distances[drawn])
    return Section(NAME, TITLE, body)


def nearest_of(material: Material) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(rows (m,), the row nearest to each (m,), their distances (m,)) of a sample of rows that were images.

    Rows of the same content do not count; a row that has only copies among its nearest rows is left out.
    """
    store = material.store
    rows = store.live_rows()
    rows = rows[stratified(store.codes(rows), SAMPLED, material.seed)]
    contents = store.facts(rows).content
    images = np.array([content is not None for content in contents], bool)
    rows, contents = rows[images], [content for content in contents if content is not None]
    if not len(rows):
        return rows, rows, np.empty(0, np.float32)
    copies = rows_of_contents(store, list(contents))
    k = min(1 + max(map(len, copies)), MOST_COPIES, store.next_row)
    scores, hits = material.view.instances.search(store.gather(rows), k)
    own = np.array([np.isin(found, copy) | (found < 0) for found, copy in zip(hits, copies, strict=True)])
    first = np.argmin(own, axis=1)
    places = np.flatnonzero(~own.all(axis=1))
    return rows[places], hits[places, first[places]], distance_of(scores[places, first[places]])


def _once(rows: np.ndarray, nearest: np.ndarray, order: np.ndarray) -> np.ndarray:
    """`order` without the second of two places that are the same pair the other way round."""
    seen: set[tuple[int, int]] = set()
    kept = []
    for place in order.tolist():
        pair = tuple(sorted((int(rows[place]), int(nearest[place]))))
        if pair not in seen:
            seen.add(pair)  # type: ignore[arg-type]
            kept.append(place)
    return np.array(kept, np.int64)


def _cards(material: Material, rows: np.ndarray, nearest: np.ndarray, distances: np.ndarray) -> str:
    store = material.store
    pictures = of_rows(store, np.concatenate([rows, nearest]), SIDE)
    keys, labels = store.keys(rows), store.labels(rows)
    near_keys, near_labels = store.keys(nearest), store.labels(nearest)
    cards = []
    for i, distance in enumerate(distances.tolist()):
        pair = framed(pictures[i], f"the image {keys[i]}")
        pair += framed(pictures[len(rows) + i], f"the image nearest to it, {near_keys[i]}")
        names = "<br>".join(
            text(shortened(key, _KEY)) + (f" <b>{text(label)}</b>" if label else "")
            for key, label in ((keys[i], labels[i]), (near_keys[i], near_labels[i]))
        )
        caption = f"distance {distance:.3f}<br><small>{names}</small>"
        cards.append(f'<div class="card"><div class="pair">{pair}</div><p>{caption}</p></div>\n')
    return f'<div class="sheet">\n{"".join(cards)}</div>\n'
