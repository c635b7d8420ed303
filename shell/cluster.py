"""The command cluster."""

from pathlib import Path

import click

from ..search.clustering.clusters import Clusters
from ..search.clustering.methods import METHODS
from ..search.neighbours.paths import paths_of_rows
from ..store.version.store import Store
from .mistaken import check_collection
from .output import bar, echo, emit_json, shown, table


@click.command(short_help="Group similar images without using their labels.")
@click.argument("collection")
@click.option(
    "-k",
    "--k",
    "k",
    type=click.IntRange(1),
    metavar="K",
    help="Number of clusters; without it, hdbscan finds the number.",
)
@click.option("--method", type=click.Choice(METHODS), help="[default: kmeans if K is given, else hdbscan]")
@click.option("--min-size", type=click.IntRange(2), metavar="M", help="Smallest cluster of hdbscan.  [default: 5]")
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random seed for k-means and for the pictures of a sheet.",
)
@click.option("--out", metavar="FILE", help="Write the key and cluster of every image to FILE.csv or FILE.parquet.")
@click.option("--sheet", metavar="FILE", help="Draw images of each cluster as one picture, FILE.png or FILE.jpg.")
@click.option("--paths", is_flag=True, help="Print files in place of keys; --out FILE gets them as a further column.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per cluster, then one for all of them.")
def cluster(
    collection: str,
    k: int | None,
    method: str | None,
    min_size: int | None,
    seed: int,
    out: str | None,
    sheet: str | None,
    paths: bool,
    as_json: bool,
) -> None:
    """Group the similar images of COLLECTION, and show the size, purity and typical images of each group.

    Purity is the share of a cluster's labelled images that have its most common label. Without K there may be several
    clusters, a single one, or none; images that hdbscan puts into no cluster are noise (cluster -1). k-means takes any
    number of images. hdbscan compares all pairs, and refuses collections that would take more than some minutes.
    """
    from ..search.clustering.file import check_cluster_file, write_cluster_file
    from ..search.clustering.methods import Manner
    from ..search.clustering.methods import cluster as group
    from ..search.pictures.sheet import check_sheet

    if out is not None:
        check_cluster_file(Path(out))
    if sheet is not None:
        check_sheet(Path(sheet))
    check_collection("cluster", collection)
    with bar("cluster") as progress, Store.open(collection) as store:
        clusters = group(store, Manner(k, method, min_size, seed), progress)
        if out is not None:
            write_cluster_file(Path(out), clusters, clusters.paths() if paths else None)
        if sheet is not None:
            _draw(Path(sheet), clusters, seed, str(store.path))
        files = _files(store, clusters) if as_json or paths else {}
    if as_json:
        for each in clusters:
            emit_json({**each.to_json(), "paths": [files[key] for key in each.medoids]})
        emit_json(clusters.to_json())
    else:
        head = ("cluster", "images", "purity", "spread", "most common label", "typical images")
        cells = [
            [
                "noise" if each.number < 0 else str(each.number),
                str(each.size),
                "-" if each.purity is None else f"{each.purity:.3f}",
                "-" if each.spread is None else f"{each.spread:.3f}",
                "-" if each.label is None else shown(each.label),
                ", ".join(shown(files.get(key) or key) for key in each.medoids) or "-",
            ]
            for each in clusters
        ]
        for line in table(head, cells):
            echo(line)
        echo(str(clusters))


def _draw(path: Path, clusters: Clusters, seed: int, collection: str) -> None:
    """Write the contact sheet, and report the clusters and pictures that are not on it."""
    from ..search.clustering.sheet import NO_PICTURE, cluster_strips
    from ..search.pictures.sheet import write_sheet
    from ..search.pictures.strips import missing_of, missing_words

    strips, left_out = cluster_strips(clusters, seed)
    write_sheet(path, strips)
    if left_out:
        echo(f"{shown(str(path))} shows the first {len(strips)} clusters and leaves out {left_out}", err=True)
    cells = [cell for strip in strips for cell in (strip.query, *strip.hits)]
    missing = missing_of(cell.picture for cell in cells if cell.picture is not NO_PICTURE)
    if missing:
        echo(f"warning: {missing_words(missing, str(path), collection)}", err=True)


def _files(store: Store, clusters: Clusters) -> dict[str, str | None]:
    """The file of each typical image, by key."""
    keys = [key for each in clusters for key in each.medoids]
    return dict(zip(keys, paths_of_rows(store, store.find(keys)), strict=True))
