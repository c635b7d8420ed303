"""The hardest mistakes: images of known classes that came nearest to another class, the most confident first."""

import numpy as np

from ..material import Material
from ..page import Section, paragraph, text
from .contact import MOST, contact_sheet

NAME, TITLE = "mistakes", "Hardest mistakes"


def section(material: Material) -> Section:
    """A contact sheet of images whose nearest class is not their own, whatever the threshold."""
    answers, labels = material.answers, material.questions.labels
    wrong = np.flatnonzero(material.known & (np.array(answers.nearest, dtype=object) != labels))
    total = int(material.known.sum())
    if not len(wrong):
        return Section(NAME, TITLE, paragraph(f"All {total} images are nearest to their own class."))
    places = hardest(wrong, answers.margins, answers.distances)[:MOST]
    captions = [
        f"<b>{text(labels[i])}</b>, nearest to <b>{text(answers.nearest[i])}</b><br>"
        f"distance {answers.distances[i]:.3f}, {_margin(answers.margins[i])}"
        for i in places
    ]
    limit = f"; the {MOST} most confident are shown" if len(wrong) > MOST else ""
    words = (
        f"{len(wrong)} of {total} images of known classes are nearest to another class (by {answers.by}, ignoring the "
        f"threshold){limit}. On the right, the nearest stored image of that class."
    )
    return Section(NAME, TITLE, paragraph(words) + contact_sheet(material, places, captions))


def hardest(places: np.ndarray, margins: np.ndarray, distances: np.ndarray) -> np.ndarray:
    """`places` (m,) sorted by the margin of the wrong class, largest first, then by distance.

    margins, distances: (n,), of all questions; a margin that is NaN comes last.
    """
    confident = np.nan_to_num(margins[places], nan=-np.inf)
    return places[np.lexsort((distances[places], -confident))]


def _margin(margin: float) -> str:
    return "no second class" if np.isnan(margin) else f"margin {margin:.3f}"
