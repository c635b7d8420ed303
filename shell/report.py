"""The command report."""

from pathlib import Path
from typing import Any

import click

from ..search.calibrating.labelled_source import LabelledSource
from ..search.collection import Collection
from ..store.errors import LookalikeError
from .mistaken import check_collection
from .options import cache_option, rule_option, source_options
from .output import bar, echo, emit_json, shown


@click.command(short_help="Write an HTML report on the quality of a collection.")
@click.argument("collection")
@click.option("--out", required=True, metavar="FILE", help="The HTML file to write; an existing one is replaced.")
@click.option("--data", metavar="SOURCE", help="Labelled images for measuring that are not in the collection.")
@rule_option
@click.option(
    "--bench/--no-bench", default=True, show_default=True, help="Measure latency, which takes up to half a minute."
)
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed for the samples and the map."
)
@cache_option
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def report(collection: str, out: str, data: str | None, as_json: bool, **options: Any) -> None:
    """Write a report on COLLECTION: an HTML page with figures, mistakes and provenance that needs no network.

    Without --data, stored images serve as queries, and copies of a query are left out. That is optimistic if the model
    was trained on them, and it includes no unknown images.
    """
    check_collection("report", collection)
    source = LabelledSource.taken(data or "", options)
    if data is None and source != LabelledSource(""):
        raise LookalikeError(
            "--exclude, --no-labels, --follow-links, --image-column and --label-column apply to the source of --data: "
            "add --data SOURCE or leave them out"
        )
    with bar("report") as progress, Collection.open(collection) as opened:
        written = opened.report(Path(out), source if data is not None else None, progress=progress, **options)
    if as_json:
        emit_json(written)
        return
    echo(f"{shown(written['out'])}: {len(written['sections'])} sections, {written['bytes'] / 1e6:.1f} MB")
    for one in written["left_out"]:
        echo(f"left out: {one['section']} ({shown(one['why'])})", err=True)
