"""The confusion matrices: the nearest class, and the answer, for the images of each class.

The first ignores the threshold: a strict one answers most images unknown, which would hide which classes are confused.
"""

from collections.abc import Sequence

import numpy as np

from ..material import Material
from ..page import Section, figure, paragraph
from .confused import shown_classes
from .matrices import matrix

NAME, TITLE = "confusion", "Confusion"
UNKNOWN, OTHER, STRANGE = "[unknown]", "[other classes]", "[no class here]"  # no likely names of classes


def section(material: Material) -> Section:
    """Counts of nearest classes per true class and, where the threshold refuses images, of answers too."""
    answers = material.answers
    names = shown_classes(material)
    of = len(material.store.classes)
    few = "" if of == len(names) else f" Of {of} classes, the {len(names)} that are confused most are shown."
    words = f"Nearest class (by {answers.by}) of {material.questions.named()}; the threshold is ignored.{few}"
    body = _counts(material, answers.nearest, names, words)
    refused = sum(answer is None for answer in answers.labels)
    if refused:
        words = f"The same images with the threshold: {refused:,} of them are answered unknown.{few}"
        body += _counts(material, answers.labels, names, words)
    return Section(NAME, TITLE, body)


def _counts(material: Material, answers: Sequence[str | None], names: list[str], words: str) -> str:
    """One matrix, coloured by the share of each class's images, with the most frequent mistakes below."""
    counts, rows, columns = counted(material, answers, names)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawing = matrix(
        np.where(counts > 0, shares, np.nan),
        lambda row, column: str(counts[row, column]) if counts[row, column] else "",
        rows,
        columns,
        ("true class", "answer"),
        "Oranges",
        (0, 1),
    )
    return f'<div class="half">{figure(drawing, words)}{paragraph(_most(counts, rows, columns), "note")}</div>\n'


def counted(
    material: Material, answers: Sequence[str | None], names: list[str]
) -> tuple[np.ndarray, list[str], list[str]]:
    """(counts (r, c) int64, row names, column names): how often each true class got each of the `answers` (n,).

    Rows are `names` and, where there are any, images of classes that the collection lacks. Columns are `names`, other
    classes and unknown, the last two only where they occur.
    """
    places: dict[str | None, int] = {name: place for place, name in enumerate(names)}
    counts = np.zeros((len(names) + 1, len(names) + 2), np.int64)
    truth = material.questions.labels
    for label, answer, known, strange in zip(truth, answers, material.known, material.unknown, strict=True):
        row = places.get(label) if known else len(names) if strange else None
        if row is not None:
            column = len(names) + 1 if answer is None else places.get(answer, len(names))
            counts[row, column] += 1
    rows = [*range(len(names)), *([len(names)] if material.unknown.any() else [])]
    columns = [*range(len(names)), *(i for i in (len(names), len(names) + 1) if counts[:, i].any())]
    row_names, column_names = [*names, STRANGE], [*names, OTHER, UNKNOWN]
    return counts[np.ix_(rows, columns)], [row_names[i] for i in rows], [column_names[i] for i in columns]


def _most(counts: np.ndarray, rows: list[str], columns: list[str]) -> str:
    """The most frequent mistakes in words; where nothing is answered unknown, images of other classes do not count."""
    wrong = [
        (int(counts[row, column]), rows[row], columns[column])
        for row, column in np.argwhere(counts).tolist()
        if rows[row] != columns[column]
        and (rows[row] != STRANGE or (UNKNOWN in columns and columns[column] != UNKNOWN))
    ]
    if not wrong:
        hopeless = STRANGE in rows and UNKNOWN not in columns
        return f"No image{' of a class that the collection has' if hopeless else ''} was answered wrongly."
    listed = (f"{truth} answered {answer} ({count})" for count, truth, answer in sorted(wrong, key=_first)[:5])
    return f"Most frequent mistakes: {', '.join(listed)}."


def _first(mistake: tuple[int, str, str]) -> tuple[int, str, str]:
    return -mistake[0], mistake[1], mistake[2]
