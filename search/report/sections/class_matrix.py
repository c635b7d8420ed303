"""The class-by-class distance matrix: how far images of one class lie from each other, and from those of the others."""

import numpy as np

from ....measures.distances import distance_matrix
from ....measures.separation import separation
from ...deciding.separated import overlap_warning
from ..material import Material
from ..page import LeftOut, Section, figure, paragraph
from .confused import shown_classes, stored_of
from .matrices import matrix

NAME, TITLE = "classes", "Distances between classes"


def section(material: Material) -> Section:
    """Mean distances of stored images of the shown classes, and the pairs of classes that lie closest."""
    material.need_classes()
    names = shown_classes(material)
    vectors, places = stored_of(material, names)
    _, means = distance_matrix(vectors, places)
    if len(names) < 2:
        raise LeftOut("the collection has only one class")
    drawing = matrix(
        means,
        lambda row, column: "" if np.isnan(means[row, column]) else f"{means[row, column]:.2f}",
        names,
        names,
        ("class", "class"),
        "Blues_r",
    )
    of = len(material.store.classes)
    which = f"all {of} classes" if of == len(names) else f"the {len(names)} of {of} classes that are confused most"
    words = (
        f"Mean distance between stored images of {which}, at most 100 images per class. The diagonal is the distance "
        "within a class; a cell that is as dark means two classes that are hard to tell apart."
    )
    distances, codes, prototypes = material.responses.to_classes
    warning = overlap_warning(separation(distances, codes), prototypes)
    body = figure(drawing, words) + paragraph(_closest(names, means), "note")
    return Section(NAME, TITLE, body + (paragraph(f"Warning: {warning}.", "bad") if warning else ""))


def _closest(names: list[str], means: np.ndarray) -> str:
    """The three pairs of classes that lie closest, in words."""
    rows, columns = np.triu_indices(len(names), 1)
    order = np.argsort(means[rows, columns], kind="stable")[:3]
    pairs = [f"{names[rows[i]]} and {names[columns[i]]} ({means[rows[i], columns[i]]:.2f})" for i in order]
    return f"Closest: {', '.join(pairs)}."
