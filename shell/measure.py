"""Shell: calibrate, evaluate and bench."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ..search.calibrating.labelled_source import LabelledSource
from ..search.calibrating.thresholds.conformal import OF
from ..search.collection import Collection
from ..search.deciding.rank import WAYS
from ..search.deciding.vote import WEIGHTS
from ..search.view import DEVICES
from .mistaken import check_collection
from .output import bar, echo, emit_json, say_next, source_options

if TYPE_CHECKING:
    from ..search.evaluating.bench import BenchPoint

_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command(short_help="Choose the distance beyond which the answer is unknown.")
@click.argument("collection")
@click.argument("source")
@click.option("--by", type=click.Choice(WAYS), default="prototype", show_default=True, help="What decides.")
@click.option(
    "--fpr", type=_SHARE, help="At most this share of unknown images is accepted (95 % sure).  [default: 0.01]"
)
@click.option("--precision", type=_SHARE, help="At least this share of accepted answers is right (95 % sure).")
@click.option(
    "--f-beta", type=click.FloatRange(0, min_open=True), help="The best F-beta, 1 for F1; nothing is promised."
)
@click.option("--conformal", type=_SHARE, help="On average at most this share of known images is refused.")
@click.option(
    "--of",
    type=click.Choice(OF),
    default="known",
    show_default=True,
    help="What --conformal bounds: known images refused, or unknown images accepted.",
)
@click.option("--per-class", is_flag=True, help="A threshold for each class with enough images; the others share one.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="Neighbours that vote (--by knn).")
@click.option(
    "--weights", type=click.Choice(WEIGHTS), default="uniform", show_default=True, help="How votes are weighted."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random seed of the split into choosing and measuring.",
)
@click.option(
    "--cache/--no-cache", default=True, show_default=True, help="Take vectors from earlier runs, and keep new ones."
)
@source_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def calibrate(collection: str, source: str, as_json: bool, **options: Any) -> None:
    """Choose COLLECTION's threshold on SOURCE: labelled images that it has not seen.

    Give one of --fpr, --precision, --f-beta and --conformal.

    Images of classes that neither the collection nor the model knows stand for the unknown; where there are none, each
    class is left out in turn, which is optimistic.
    """
    check_collection("calibrate", collection, source)
    with bar("calibrate") as progress, Collection.open(collection) as opened:
        made = opened.calibrate(LabelledSource.taken(source, options), progress=progress, **options)
    if as_json:
        emit_json(made.to_json())
    else:
        echo(str(made))
        say_next("classify", collection, "IMAGE", *(("--by", made.by) if made.by != "prototype" else ()))


@click.command(short_help="Measure a labelled source against the collection.")
@click.argument("collection")
@click.argument("source")
@click.option("--by", type=click.Choice(WAYS), default="prototype", show_default=True, help="What decides.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="Neighbours that vote (--by knn).")
@click.option(
    "--weights", type=click.Choice(WEIGHTS), default="uniform", show_default=True, help="How votes are weighted."
)
@click.option("--full", is_flag=True, help="Also EER, recall@k, F1 and confusions, OSCR, distances, separation.")
@click.option("--episodes", is_flag=True, help="Also the accuracy over 600 few-shot episodes, with 95 % intervals.")
@click.option("--way", type=click.IntRange(2), default=5, show_default=True, help="Classes in an episode.")
@click.option(
    "--shots", type=click.IntRange(1), multiple=True, default=(1, 5), show_default=True, help="Examples of each class."
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed of the episodes.")
@click.option(
    "--cache/--no-cache", default=True, show_default=True, help="Take vectors from earlier runs, and keep new ones."
)
@source_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def evaluate(collection: str, source: str, as_json: bool, **options: Any) -> None:
    """Measure the labelled images of SOURCE against COLLECTION; a stored copy of a query is left out.

    Warns in one line where classes overlap so much that no threshold can keep its word, and names the worst pairs.
    """
    check_collection("evaluate", collection, source)
    with bar("evaluate") as progress, Collection.open(collection) as opened:
        measured = opened.evaluate(LabelledSource.taken(source, options), progress=progress, **options)
    if as_json:
        emit_json(measured)
        return
    from ..search.evaluating.words import lines

    for line in lines(measured):
        echo(line)


@click.command(short_help="Measure recall against latency.")
@click.argument("collection")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="The k of recall@k.")
@click.option("--queries", type=click.IntRange(1), default=1000, show_default=True, help="Stored rows to ask with.")
@click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True, help="Where to search.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object an operating point.")
def bench(collection: str, k: int, queries: int, device: str, as_json: bool) -> None:
    """Measure recall@k against exact search, and latency, at each operating point of COLLECTION's index."""
    check_collection("bench", collection)
    with bar("bench") as progress, Collection.open(collection, device=device) as opened:
        points = opened.bench(k, queries=queries, progress=progress)
    if as_json:
        for point in points:
            emit_json(point)
        return
    for line in _table(points, k):
        echo(line)
    echo("* what search uses; a latency is one call of `batch` queries", err=True)


def _table(points: "Sequence[BenchPoint]", k: int) -> list[str]:
    """The operating points as aligned lines, the first being the head."""
    head = ["", "index", "batch", "threads", f"recall@{k}", "95 % interval", "p50 us", "p95 us", "p99 us", "queries/s"]
    rows = [head, *(_cells(point) for point in points)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    aligned = ("{:<{}}", "{:<{}}", *["{:>{}}"] * (len(head) - 2))
    return [
        "  ".join(form.format(cell, width) for form, cell, width in zip(aligned, row, widths, strict=True))
        for row in rows
    ]


def _cells(point: "BenchPoint") -> list[str]:
    return [
        "*" if point["chosen"] else "",
        point["spec"] + "".join(f" {name}={value}" for name, value in point["parameters"].items()),
        str(point["batch"]),
        str(point["threads"]),
        f"{point['recall']:.4f}",
        f"{point['recall_low']:.4f}-{point['recall_high']:.4f}",
        *(f"{point[name]:.0f}" for name in ("p50_us", "p95_us", "p99_us", "qps")),
    ]
