"""What `evaluate` measured, as aligned lines for people."""

from collections.abc import Iterator
from typing import Any

from ...store.shown import shortened

_WIDTH = 24
_CLASSES = 20
"""Classes and mistakes beyond these are counted, not listed: --json has all."""
_MISTAKES = 5


def lines(measured: dict[str, Any]) -> Iterator[str]:
    """The lines of the fields of `evaluate --json`, those of `--full` and `--episodes` where they are there."""
    apart = ("unknown", "details", "episodes")
    yield from _plain({name: value for name, value in measured.items() if name not in apart})
    yield from _plain({f"unknown: {name}": value for name, value in (measured["unknown"] or {}).items()})
    for name, values in measured.get("details", {}).items():
        yield ""
        yield name.replace("_", " ")
        yield from (f"  {line}" for line in _SECTIONS.get(name, _plain)(values))
    if "episodes" in measured:
        yield ""
        yield from _episodes(measured["episodes"])


def _plain(values: dict[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield f"{name:<{_WIDTH}} {_number(value)}"


def _number(value: Any) -> str:
    return "undefined" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def _verification(values: dict[str, Any]) -> Iterator[str]:
    pairs = values["pairs"]
    yield f"{'pairs':<{_WIDTH}} {pairs['same']:,} of one class, {pairs['different']:,} of two"
    yield from _plain({name: value for name, value in values.items() if name != "pairs"})


def _classification(values: dict[str, Any]) -> Iterator[str]:
    # Those that went worst come first: they are what one looks for.
    worst = sorted(values["classes"].items(), key=lambda item: (item[1]["f1"] is not None, item[1]["f1"], item[0]))
    rows = [[shortened(name, 30), str(scores["images"]), *_three(scores)] for name, scores in worst[:_CLASSES]]
    images = sum(scores["images"] for scores in values["classes"].values())
    yield from _table(
        [
            ["class", "images", "precision", "recall", "f1"],
            *rows,
            *([[f"... {len(worst) - _CLASSES} more", "", "", "", ""]] if len(worst) > _CLASSES else []),
            ["macro", str(images), *_three(values["macro"])],
        ]
    )
    wrong = sorted((cell for cell in values["confusion"] if cell["label"] != cell["answer"]), key=_most_first)
    for place, cell in enumerate(wrong[:_MISTAKES]):
        answer = "nothing" if cell["answer"] is None else shortened(cell["answer"], 30)
        head = "most frequent mistakes" if place == 0 else ""
        yield f"{head:<{_WIDTH}} {shortened(cell['label'], 30)} answered {answer}: {cell['images']}"


def _three(scores: dict[str, Any]) -> list[str]:
    return [_number(scores[name]) for name in ("precision", "recall", "f1")]


def _most_first(cell: dict[str, Any]) -> tuple[int, str, str]:
    return -cell["images"], cell["label"], cell["answer"] or ""


def _open_set(values: dict[str, Any]) -> Iterator[str]:
    yield from _plain({name: value for name, value in values.items() if name != "held_out_classes"})
    for name, spread in values["held_out_classes"].items():
        if spread["mean"] is not None:
            around = "" if spread["std"] is None else f" +- {spread['std']:.4f}"
            splits = f"{spread['splits']} class{'es' if spread['splits'] > 1 else ''}"
            yield f"{'held out: ' + name:<{_WIDTH}} {spread['mean']:.4f}{around} over {splits}"


def _separation(values: dict[str, Any]) -> Iterator[str]:
    yield from _plain({"overlapping": "yes" if values["overlapping"] else "no"})
    yield from _plain({"least error": values["error"], "its lower bound": values["low"]})
    for pair in values["pairs"][:_MISTAKES]:
        label, other = shortened(pair["label"], 30), shortened(pair["passes_for"], 30)
        yield f"{'overlap':<{_WIDTH}} {label} passes for {other}: {pair['error']:.4f}, at least {pair['low']:.4f}"
    if len(values["pairs"]) > _MISTAKES:
        yield f"{'':<{_WIDTH}} ... {len(values['pairs']) - _MISTAKES} more"


def _episodes(rows: list[dict[str, Any]]) -> Iterator[str]:
    for row in rows:
        name = f"{row['way']}-way {row['shots']}-shot"
        around = f"({row['low']:.4f} to {row['high']:.4f}, 95 %)"
        of = f"over {row['episodes']} episodes of {row['classes']} classes"
        yield f"{name:<{_WIDTH}} {row['accuracy']:.4f} {around} {of}"


def _table(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *numbers in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:], strict=True))
        yield f"{name:<{max(widths[0], _WIDTH)}} {'  '.join(cells)}"


_SECTIONS = {
    "verification": _verification,
    "classification": _classification,
    "open_set": _open_set,
    "separation": _separation,
}
