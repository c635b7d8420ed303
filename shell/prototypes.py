"""The command prototypes."""

import click

from ..search.collection import Collection
from ..search.deciding.prototype_list import ClassRow
from ..store.version.store import Store
from .mistaken import check_collection
from .output import echo, emit_json, shown, table


@click.command(short_help="List the class prototypes, or change how they are computed.")
@click.argument("collection")
@click.option(
    "--window", type=click.IntRange(0), metavar="N", help="Use only the newest N images of each class; 0 for all."
)
@click.option(
    "--per-class", type=click.IntRange(1), metavar="M", help="Compute up to M prototypes per class, by k-means."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per class.")
def prototypes(collection: str, window: int | None, per_class: int | None, as_json: bool) -> None:
    """List the class prototypes of COLLECTION: the images behind each one, and the nearest other class.

    --window and --per-class are stored in the collection and apply from then on. With --window, each new image of a
    class replaces its oldest one. With --per-class, prototypes follow added and removed images exactly, too;
    `lookalike index` divides the classes again, and until then a new class has one prototype.
    """
    check_collection("prototypes", collection)
    with Collection.open(collection) as opened:
        if window is not None or per_class is not None:
            opened.keep_prototypes(window, per_class)
        rows = opened.list_prototypes()
    with Store.open(collection) as store:
        rule = store.content.prototype_rule
    if as_json:
        for row in rows:
            emit_json(row.to_json())
        return
    head = ("class", "images", "prototypes", "spread", "nearest at", "nearest class", "newest image")
    for line in table(head, [_cells(row) for row in rows]):
        echo(line)
    images = f"the newest {rule.window} images" if rule.window else "all images"
    each = f"up to {rule.per_class} prototypes" if rule.per_class > 1 else "1 prototype"
    echo(f"{each} per class, computed from {images} of the class" if rows else "no labelled images", err=True)


def _cells(row: ClassRow) -> list[str]:
    return [
        shown(row.name),
        str(row.count),
        str(row.prototypes),
        "-" if row.spread is None else f"{row.spread:.3f}",
        "-" if row.nearest_distance is None else f"{row.nearest_distance:.3f}",
        "-" if row.nearest_class is None else shown(row.nearest_class),
        shown(row.newest_key),
    ]
