"""What `evaluate` measured, as aligned lines for people."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...store.shown import shortened
from .results import Confusion, Details, EvaluateResult, FewShotScore, MacroScores, ScoresOfClass

_WIDTH = 24
_CLASSES = 20
"""Classes and mistakes beyond these are counted, not listed: --json has all."""
_MISTAKES = 5
_SECTIONS = ("details", "episodes", "unknown")


def lines(measured: EvaluateResult) -> Iterator[str]:
    """The lines of all fields, with those of `--full` and `--episodes` where they were measured."""
    yield from _plain({name: value for name, value in measured.items() if name not in _SECTIONS})
    yield from _plain({f"unknown: {name}": value for name, value in (measured.unknown or {}).items()})
    if measured.details is not None:
        yield from _details(measured.details)
    if measured.episodes is not None:
        yield ""
        yield from _episodes(measured.episodes)


def _details(details: Details) -> Iterator[str]:
    sections = {
        "verification": _verification(details),
        "retrieval": _plain(details.retrieval),
        "classification": _classification(details),
        "open set": _open_set(details),
        "distances": _plain(details.distances),
        "separation": _separation(details),
    }
    for name, section in sections.items():
        yield ""
        yield name
        yield from (f"  {line}" for line in section)


def _plain(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        yield f"{name:<{_WIDTH}} {_number(value)}"


def _number(value: Any) -> str:
    return "undefined" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


def _verification(details: Details) -> Iterator[str]:
    pairs = details.verification.pairs
    yield f"{'pairs':<{_WIDTH}} {pairs.same:,} of one class, {pairs.different:,} of two classes"
    yield from _plain({name: value for name, value in details.verification.items() if name != "pairs"})


def _classification(details: Details) -> Iterator[str]:
    measured = details.classification
    # The worst classes come first: they are what one looks for.
    worst = sorted(measured.classes.items(), key=lambda item: (item[1].f1 is not None, item[1].f1 or 0.0, item[0]))
    rows = [[shortened(name, 30), str(scores.images), *_three(scores)] for name, scores in worst[:_CLASSES]]
    images = sum(scores.images for scores in measured.classes.values())
    yield from _table(
        [
            ["class", "images", "precision", "recall", "f1"],
            *rows,
            *([[f"... {len(worst) - _CLASSES} more", "", "", "", ""]] if len(worst) > _CLASSES else []),
            ["macro", str(images), *_three(measured.macro)],
        ]
    )
    wrong = sorted((cell for cell in measured.confusion if cell.label != cell.answer), key=_most_first)
    for place, cell in enumerate(wrong[:_MISTAKES]):
        answer = "nothing" if cell.answer is None else shortened(cell.answer, 30)
        head = "most frequent mistakes" if place == 0 else ""
        yield f"{head:<{_WIDTH}} {shortened(cell.label, 30)} answered {answer}: {cell.images}"


def _three(scores: ScoresOfClass | MacroScores) -> list[str]:
    return [_number(scores.precision), _number(scores.recall), _number(scores.f1)]


def _most_first(cell: Confusion) -> tuple[int, str, str]:
    return -cell.images, cell.label, cell.answer or ""


def _open_set(details: Details) -> Iterator[str]:
    yield from _plain({name: value for name, value in details.open_set.items() if name != "held_out_classes"})
    for name, spread in details.open_set.held_out_classes.items():
        if spread.mean is not None:
            deviation = "" if spread.std is None else f" +- {spread.std:.4f}"
            splits = f"{spread.splits} class{'es' if spread.splits > 1 else ''}"
            yield f"{'held out: ' + name:<{_WIDTH}} {spread.mean:.4f}{deviation} over {splits}"


def _separation(details: Details) -> Iterator[str]:
    check = details.separation
    yield from _plain({"overlapping": "yes" if check.overlapping else "no"})
    yield from _plain({"least error": check.error, "its lower bound": check.low})
    for pair in check.pairs[:_MISTAKES]:
        label, other = shortened(pair.label, 30), shortened(pair.passes_for, 30)
        yield f"{'overlap':<{_WIDTH}} {label} passes for {other}: {pair.error:.4f}, at least {pair.low:.4f}"
    if len(check.pairs) > _MISTAKES:
        yield f"{'':<{_WIDTH}} ... {len(check.pairs) - _MISTAKES} more"


def _episodes(rows: Sequence[FewShotScore]) -> Iterator[str]:
    for row in rows:
        name = f"{row.way}-way {row.shots}-shot"
        interval = f"({row.low:.4f} to {row.high:.4f}, 95 %)"
        yield f"{name:<{_WIDTH}} {row.accuracy:.4f} {interval} over {row.episodes} episodes of {row.classes} classes"


def _table(rows: list[list[str]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for name, *numbers in rows:
        cells = (f"{cell:>{width}}" for cell, width in zip(numbers, widths[1:], strict=True))
        yield f"{name:<{max(widths[0], _WIDTH)}} {'  '.join(cells)}"
