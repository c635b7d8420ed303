"""The commands calibrate, evaluate and bench."""

from typing import TYPE_CHECKING, Any

import click

from ..search.calibrating.labelled_source import LabelledSource
from ..search.calibrating.thresholds.conformal import OF
from ..search.collection import Collection
from .mistaken import check_collection
from .options import cache_option, device_option, rule_option, source_options, vote_options
from .output import bar, echo, emit_json, say_next, table

if TYPE_CHECKING:
    from ..search.evaluating.bench import BenchPoint

_SHARE = click.FloatRange(0, 1, min_open=True, max_open=True)


@click.command(short_help="Choose the distance beyond which an image is unknown.")
@click.argument("collection")
@click.argument("source")
@rule_option
@click.option(
    "--fpr", type=_SHARE, help="Accept at most this share of unknown images (95 % confidence).  [default: 0.01]"
)
@click.option("--precision", type=_SHARE, help="At least this share of accepted answers is correct (95 % confidence).")
@click.option(
    "--f-beta",
    type=click.FloatRange(0, min_open=True),
    help="Choose the best F-beta, such as 1 for F1; this gives no bound.",
)
@click.option("--conformal", type=_SHARE, help="Refuse at most this share of known images on average.")
@click.option(
    "--of",
    type=click.Choice(OF),
    default="known",
    show_default=True,
    help="What --conformal bounds: the known images refused, or the unknown images accepted.",
)
@click.option(
    "--per-class", is_flag=True, help="Choose a threshold for each class that has enough images; the others share one."
)
@vote_options
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random seed for the split into images that choose and images that measure.",
)
@cache_option
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def calibrate(collection: str, source: str, as_json: bool, **options: Any) -> None:
    """Choose the threshold of COLLECTION on SOURCE: labelled images that are not in the collection.

    Give one of --fpr, --precision, --f-beta and --conformal.

    Images of classes that neither the collection nor the model knows serve as unknown images. If there are none, each
    class is left out in turn, which gives an optimistic result.
    """
    check_collection("calibrate", collection, source)
    with bar("calibrate") as progress, Collection.open(collection) as opened:
        calibration = opened.calibrate(LabelledSource.taken(source, options), progress=progress, **options)
    if as_json:
        emit_json(calibration.to_json())
    else:
        echo(str(calibration))
        say_next("classify", collection, "IMAGE", *(("--by", calibration.by) if calibration.by != "prototype" else ()))


@click.command(short_help="Measure how well a collection recognises labelled images.")
@click.argument("collection")
@click.argument("source")
@rule_option
@vote_options
@click.option("--full", is_flag=True, help="Also print EER, recall@k, F1 and confusions, OSCR, distances, separation.")
@click.option(
    "--episodes", is_flag=True, help="Also print the accuracy over 600 few-shot episodes, with 95 % intervals."
)
@click.option("--way", type=click.IntRange(2), default=5, show_default=True, help="Number of classes per episode.")
@click.option(
    "--shots",
    type=click.IntRange(1),
    multiple=True,
    default=(1, 5),
    show_default=True,
    help="Number of examples per class.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed for the episodes.")
@cache_option
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(collection: str, source: str, as_json: bool, **options: Any) -> None:
    """Measure how well COLLECTION recognises the labelled images of SOURCE; stored copies of a query are left out.

    Prints a warning if classes overlap so much that no threshold can separate them, and names the worst pairs.
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


@click.command(short_help="Measure the recall and latency of the index.")
@click.argument("collection")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="Number of neighbours k for recall@k.")
@click.option(
    "--queries", type=click.IntRange(1), default=1000, show_default=True, help="Number of stored rows used as queries."
)
@device_option("searches")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per operating point.")
def bench(collection: str, k: int, queries: int, device: str, as_json: bool) -> None:
    """Measure recall@k against exact search, and latency, at each operating point of COLLECTION's index."""
    check_collection("bench", collection)
    with bar("bench") as progress, Collection.open(collection, device=device) as opened:
        points = opened.bench(k, queries=queries, progress=progress)
    if as_json:
        for point in points:
            emit_json(point)
        return
    head = ("", "index", "batch", "threads", f"recall@{k}", "95 % interval", "p50 us", "p95 us", "p99 us", "queries/s")
    for line in table(head, [_cells(point) for point in points], left=2, last_left=False):
        echo(line)
    echo("* the operating point that search uses; latencies are per call of `batch` queries", err=True)


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
