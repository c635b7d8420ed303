"""The nearest unknowns: images of classes that the collection does not have, those closest to a class first."""

import numpy as np

from ..material import Material
from ..page import LeftOut, Section, paragraph, text
from .contact import MOST, contact_sheet

NAME, TITLE = "unknowns", "Nearest unknowns"


def section(material: Material) -> Section:
    """A contact sheet of unknown images by their distance to the nearest class, with the answer to each."""
    material.need_classes()
    unknown = np.flatnonzero(material.unknown)
    if not len(unknown):
        raise LeftOut("no query image is of a class that the collection lacks: give --data with such images")
    answers = material.answers
    places = unknown[np.argsort(answers.distances[unknown], kind="stable")][:MOST]
    captions = [
        f"<b>{text(material.questions.labels[i])}</b>, {_answer(answers.labels[i])}<br>"
        f"nearest {text(answers.nearest[i])}, distance {answers.distances[i]:.3f}"
        for i in places
    ]
    accepted = sum(answers.labels[i] is not None for i in unknown.tolist())
    words = f"{accepted} of {len(unknown)} images of unknown classes were given a label: {material.threshold}. "
    words += "The nearest come first. On the right, the nearest stored image of the nearest class."
    return Section(NAME, TITLE, paragraph(words) + contact_sheet(material, places, captions))


def _answer(label: str | None) -> str:
    return "answered unknown" if label is None else f'<span class="bad">answered {text(label)}</span>'
