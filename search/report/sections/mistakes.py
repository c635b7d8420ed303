"""The hardest mistakes: images of known classes that came nearest to another class, the most confident first."""

import numpy as np

from ..material import Material
from ..page import Section, paragraph, text
from .contact import MOST, contact_sheet

NAME, TITLE = "mistakes", "Hardest mistakes"


def section(material: Material) -> Section:
    """A contact sheet of images whose nearest class is not their own, whatever the threshold."""
    made, labels = material.answers, material.questions.labels
    wrong = np.flatnonzero(material.known & (np.array(made.nearest, dtype=object) != labels))
    asked = int(material.known.sum())
    if not len(wrong):
        return Section(NAME, TITLE, paragraph(f"Each of {asked} images came nearest to its own class."))
    places = hardest(wrong, made.margins, made.distances)[:MOST]
    captions = [
        f"<b>{text(labels[i])}</b>, nearest to <b>{text(made.nearest[i])}</b><br>"
        f"distance {made.distances[i]:.3f}, {_margin(made.margins[i])}"
        for i in places
    ]
    some = f"; the {MOST} most confident are shown" if len(wrong) > MOST else ""
    words = (
        f"{len(wrong)} of {asked} images of known classes came nearest to another class (by {made.by}, threshold "
        f"ignored){some}. Right: the nearest stored image of that class."
    )
    return Section(NAME, TITLE, paragraph(words) + contact_sheet(material, places, captions))


def hardest(places: np.ndarray, margins: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """`places` (m,) by how far the second class lies behind the wrong first one, farthest first; then by distance.

    margins, distances: (n,), of all questions; a margin that is NaN comes last.
    """
    confident = np.nan_to_num(margins[places], nan=-np.inf)
    return places[np.lexsort((distances[places], -confident))]


def _margin(margin: float) -> str:
    return "no second class" if np.isnan(margin) else f"margin {margin:.3f}"
