"""Training curves, from the history that the model's card holds."""

from typing import Any

from ..drawing import COLOURS, draw
from ..material import Material
from ..page import LeftOut, Section, figure

NAME, TITLE = "training", "Training"
_PANELS = (
    ("loss", {"loss": "loss"}),
    ("active", {"active": "share of triplets (or pairs) with a loss"}),
    ("distance", {"positive": "within a class, in batches", "negative": "between classes, in batches"}),
    ("distance", {"within": "within a class, validation", "between": "between classes, validation"}),
    ("score", {"recall_at_1": "recall@1, validation", "map_at_r": "MAP@R, validation"}),
)


def section(material: Material) -> Section:
    """Loss, active triplets, distances within and between classes, and validation scores, by training step."""
    history = _history(material)
    panels = panels_of(history)
    if not panels:
        raise LeftOut("the training history has none of the measures that are drawn")
    drawing = draw(lambda target: _paint(target, history, panels), height=0.5 + 1.3 * len(panels))
    words = f"{len(history)} measurements up to step {history[-1].get('step')}."
    return Section(NAME, TITLE, figure(drawing, words))


def panels_of(history: list[dict[str, Any]]) -> list[tuple[str, dict[str, str]]]:
    """The panels that can be drawn: what each shows, and the name of each measure that any entry has."""
    panels = [
        (title, {key: name for key, name in lines.items() if any(entry.get(key) is not None for entry in history)})
        for title, lines in _PANELS
    ]
    return [(title, lines) for title, lines in panels if lines]


def _history(material: Material) -> list[dict[str, Any]]:
    if material.store.model is None:
        raise LeftOut("the collection has no model: its vectors were imported")
    history: list[dict[str, Any]] = (material.card or {}).get("history") or []
    if not history:
        raise LeftOut("the collection's model has no training history")
    return history


def _paint(target: Any, history: list[dict[str, Any]], panels: list[tuple[str, dict[str, str]]]) -> None:
    axes = target.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
    for panel, (title, lines) in zip(axes, panels, strict=True):
        for number, (key, name) in enumerate(lines.items()):
            points = [(entry["step"], entry[key]) for entry in history if entry.get(key) is not None]
            panel.plot(*zip(*points, strict=True), marker="o", markersize=3, color=COLOURS[number], label=name)
        panel.set_ylabel(title)
        highest = max(entry[key] for entry in history for key in lines if entry.get(key) is not None)
        panel.set_ylim(0, 1.1 * highest or 1)
        if title not in lines.values():
            panel.legend(loc="best")
    axes[-1].set_xlabel("step")
