"""The map: images as points, with similar ones close together, and thumbnails under the pointer.

t-SNE (van der Maaten and Hinton, "Visualizing data using t-SNE", JMLR 2008) by scikit-learn, on Euclidean distances of
unit rows. Neighbourhoods mean something, distances between far groups do not.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ....store.shown import shortened, shown
from ...pictures.thumbnails import of_rows, of_source
from ..drawing import COLOURS, Drawing, draw
from ..material import Material
from ..page import LeftOut, Section, data_block, paragraph, picture
from ..sampling import stratified
from ..thumbnails import MAP_SIDE, sprite

NAME, TITLE = "map", "Map of the collection"
MOST, MOST_UNKNOWN, NAMED = 1000, 200, 20
_LEAST, _STEPS = 4, 750
_LABEL = (0.24, 0.045)
"""Shares of the map's width and height that a label takes."""
_MARKS = ("o", "^")
_HINT = "Point at or tap a dot to see its image."


@dataclass(frozen=True)
class _Points:
    """What is on the map: stored rows first, then `unknown` images. A missing picture is a text that says why."""

    vectors: np.ndarray
    labels: list[str]
    keys: list[str]
    pictures: list[Any]
    unknown: int


def section(material: Material) -> Section:
    """The map of a sample of the collection, with images of unknown classes where a source has some."""
    points = _points(material)
    places = embedded(points.vectors, material.seed)
    drawing, shares = _drawn(points, places)
    known = len(points.labels) - points.unknown
    of = "" if known == material.store.rows else f" of {material.store.rows:,}"
    words = f"{known:,}{of} stored images, placed by t-SNE: similar images lie close together."
    if points.unknown:
        words += f" The {points.unknown} crosses are images of classes that the collection does not have."
    tip = '<div id="tip" hidden><div id="thumb"></div><b></b><br><span></span></div>'
    cells = sprite(points.pictures)
    body = (
        paragraph(words)
        + paragraph(_HINT, "note hint")
        + f'<figure class="map">{picture(drawing, words, "map-picture")}{tip}</figure>\n'
        + f'<img id="sprite" src="{cells.uri}" alt="" hidden>\n'
        + data_block("map-data", {"columns": cells.columns, "rows": cells.rows, "points": _data(points, shares)})
    )
    return Section(NAME, TITLE, body)


def embedded(vectors: np.ndarray, seed: int) -> np.ndarray:
    """Places (n, 2) float32 of unit rows (n, d) on the map, equal for equal seeds. Raises LeftOut below four rows."""
    if len(vectors) < _LEAST:
        raise LeftOut(f"t-SNE needs at least {_LEAST} images, and there are {len(vectors)}")
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    # Principal components of rows that are all equal have no direction to begin with.
    start = "pca" if min(vectors.shape) >= 2 and np.ptp(vectors, axis=0).max() > 0 else "random"
    neighbours = min(30.0, (len(vectors) - 1) / 3)
    # One thread: several threads wait for each other at every step, five times as long where cores are busy.
    with threadpool_limits(1):
        method = TSNE(2, perplexity=neighbours, init=start, random_state=seed, max_iter=_STEPS)
        places: np.ndarray = method.fit_transform(vectors)
    return places


def _points(material: Material) -> _Points:
    store, questions = material.store, material.questions
    rows = store.live_rows()
    rows = rows[stratified(store.codes(rows), MOST, material.seed)]
    # Without classes nothing is known, and crosses would say nothing.
    strange = np.flatnonzero(material.unknown if store.classes else np.zeros(len(questions), bool))
    strange = strange[stratified(np.zeros(len(strange), np.int64), MOST_UNKNOWN, material.seed)]
    keys = [questions.keys[i] for i in strange]
    pictures = of_rows(store, rows, MAP_SIDE)
    if questions.source is not None:
        contents = [questions.contents[i] for i in strange]
        pictures += of_source(str(questions.source), keys, contents, MAP_SIDE, questions.source.uses)
    return _Points(
        np.concatenate([store.gather(rows), questions.vectors[strange]]),
        [label or "" for label in store.labels(rows)] + questions.labels[strange].tolist(),
        store.keys(rows) + keys,
        pictures,
        len(strange),
    )


def _drawn(points: _Points, places: np.ndarray) -> tuple[Drawing, np.ndarray]:
    """The drawing, and where its points are, (n, 2) shares of its width and height from the upper left."""
    drawing = draw(lambda figure: _paint(figure, points, places), height=4.8)
    figure = drawing.figure
    pixels = figure.axes[0].transData.transform(places.astype(np.float64))
    shares = pixels / (figure.bbox.width, figure.bbox.height)
    return drawing, np.column_stack([shares[:, 0], 1 - shares[:, 1]])


def _paint(figure: Any, points: _Points, places: np.ndarray) -> None:
    axes = figure.add_subplot()
    axes.set_axis_off()
    known = len(points.labels) - points.unknown
    labels = np.array(points.labels[:known], dtype=object)
    names, sizes = np.unique(labels.astype(str), return_counts=True)
    named = [name for name in names[np.argsort(-sizes, kind="stable")].tolist() if name][:NAMED]
    rest = ~np.isin(labels, named)
    axes.scatter(*places[:known][rest].T, s=9, color="#c4c7cc", linewidths=0)
    for number, name in enumerate(named):
        mark, colour = _MARKS[number // len(COLOURS) % len(_MARKS)], COLOURS[number % len(COLOURS)]
        axes.scatter(*places[:known][labels == name].T, s=11, color=colour, marker=mark, linewidths=0, alpha=0.85)
    axes.scatter(*places[known:].T, s=14, color="#111111", marker="x", linewidths=0.8)
    box = {"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 1.0}
    middles = np.array([np.median(places[:known][labels == name], axis=0) for name in named]).reshape(-1, 2)
    for number in _readable(middles, places):
        name = shortened(named[number], 18)
        axes.text(*middles[number], name, ha="center", va="center", fontsize=8, weight="bold", bbox=box)


def _readable(middles: np.ndarray, places: np.ndarray) -> list[int]:
    """The labels that fit at their `middles` (c, 2) without covering an earlier one."""
    room = np.ptp(places, axis=0) * _LABEL
    kept: list[int] = []
    for number, middle in enumerate(middles):
        if not any((np.abs(middle - middles[other]) < room).all() for other in kept):
            kept.append(number)
    return kept


def _data(points: _Points, shares: np.ndarray) -> list[list[Any]]:
    """For our script: places in 1/10,000 of the figure, label, key, and why there is no picture ("" where there is)."""
    whole = np.rint(shares * 10_000).astype(int).tolist()
    labels = [shown(label) or "no label" for label in points.labels]
    for i in range(len(labels) - points.unknown, len(labels)):
        labels[i] += " (not in the collection)"
    why = [picture if isinstance(picture, str) else "" for picture in points.pictures]
    named = zip(whole, labels, points.keys, why, strict=True)
    return [[*place, shortened(label, 80), shortened(key, 80), lack] for place, label, key, lack in named]
