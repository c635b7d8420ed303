"""Shell: prototypes."""

import click

from ..search.collection import Collection
from ..search.deciding.prototype_list import ClassRow
from ..store.version.store import Store
from .mistaken import check_collection
from .output import aligned, echo, emit_json, shown


@click.command(short_help="List the class prototypes, or say what they are made of.")
@click.argument("collection")
@click.option("--window", type=click.IntRange(0), metavar="N", help="Only the newest N images of a class; 0 for all.")
@click.option("--per-class", type=click.IntRange(1), metavar="M", help="At most M prototypes a class, by k-means.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a class.")
def prototypes(collection: str, window: int | None, per_class: int | None, as_json: bool) -> None:
    """List the prototypes of COLLECTION's classes: what they are made of, and which class comes nearest.

    --window and --per-class are kept with the collection, and hold from then on. A window slides: a new image of a
    class lets its oldest one leave, exactly. Several prototypes a class follow what is added and removed exactly too;
    what divides a class is found anew at `lookalike index`, and a new class has one until then.
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
    for line in aligned(head, [_cells(row) for row in rows]):
        echo(line)
    images = f"the newest {rule.window} images" if rule.window else "all images"
    echo(f"made of {images} of a class, at most {rule.per_class} each" if rows else "no labelled images", err=True)


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
