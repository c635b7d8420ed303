"""Shell: report."""

from pathlib import Path
from typing import Any

import click

from ..search.calibrating.labelled_source import LabelledSource
from ..search.collection import Collection
from ..search.deciding.rank import RULES
from ..store.errors import LookalikeError
from .mistaken import check_collection
from .output import bar, echo, emit_json, shown, source_options


@click.command(short_help="Draw what a collection can be trusted with, as one HTML file.")
@click.argument("collection")
@click.option("--out", required=True, metavar="FILE", help="The HTML file; an older one is replaced.")
@click.option("--data", metavar="SOURCE", help="Labelled images that the collection has not seen, to measure with.")
@click.option("--by", type=click.Choice(RULES), default="prototype", show_default=True, help="What decides.")
@click.option("--bench/--no-bench", default=True, show_default=True, help="Measure latency; up to half a minute.")
@click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Random seed of the samples and the map."
)
@click.option(
    "--cache/--no-cache", default=True, show_default=True, help="Take vectors from earlier runs, and keep new ones."
)
@source_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def report(collection: str, out: str, data: str | None, as_json: bool, **options: Any) -> None:
    """Write a report on COLLECTION: a page that needs no network and shows figures, mistakes and where all came from.

    Without --data it asks with stored images, each with its own content left out; a model that was trained on them
    makes that optimistic, and nothing unknown is among them.
    """
    check_collection("report", collection)
    source = LabelledSource.taken(data or "", options)
    if data is None and source != LabelledSource(""):
        raise LookalikeError(
            "--exclude, --no-labels, --follow-links, --image-column and --label-column say how the source of --data is "
            "read: give --data SOURCE too, or leave them out"
        )
    with bar("report") as progress, Collection.open(collection) as opened:
        made = opened.report(Path(out), source if data is not None else None, progress=progress, **options)
    if as_json:
        emit_json(made)
        return
    echo(f"{shown(made['out'])}: {len(made['sections'])} sections, {made['bytes'] / 1e6:.1f} MB")
    for one in made["left_out"]:
        echo(f"left out: {one['section']} ({shown(one['why'])})", err=True)
