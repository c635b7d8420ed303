"""The command rejects."""

from collections.abc import Iterator
from typing import Any

import click

from ..search.neighbours.paths import paths_of_pictures
from ..store.files.escaped import unescaped_list
from ..store.version.rejects import read_rejects
from ..store.version.store import Store
from .change import say_unreachable
from .mistaken import check_collection
from .output import echo, emit_json, say_path, shown

_FIELDS = ("key", "stage", "reason", "content_sha256", "source")


@click.command(short_help="List the images that could not be embedded, and why.")
@click.argument("collection")
@click.option("--reason", metavar="TEXT", help="List only images whose reason contains this text (in any case).")
@click.option("--paths", is_flag=True, help="Print only the files, one per line, for a pipe.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per image.")
def rejects(collection: str, reason: str | None, paths: bool, as_json: bool) -> None:
    """List the images that could not be embedded into COLLECTION, grouped by reason.

    The list is from the last `lookalike embed` of each source. --json prints key, stage (read, decode or encode),
    reason, content_sha256, source and path (null if the image has no file of its own, or the file is gone).
    """
    check_collection("rejects", collection)
    with Store.open(collection) as store:
        listed = list(_listed(store))
        chosen = [one for one in listed if reason is None or reason.casefold() in one["reason"].casefold()]
        if as_json or paths:
            _emit(store, chosen, as_json)
            return
    if listed and not chosen:
        reasons = ", ".join(sorted({repr(one["reason"]) for one in listed}))
        echo(f"no image was rejected for {reason!r}: the reasons are {shown(reasons)}", err=True)
    else:
        _print_by_reason(chosen)


def _listed(store: Store) -> Iterator[dict[str, Any]]:
    table = read_rejects(store)
    columns = [unescaped_list(table.column(name).combine_chunks()) for name in _FIELDS]
    for values in zip(*columns, strict=True):
        yield dict(zip(_FIELDS, values, strict=True))


def _emit(store: Store, rejected: list[dict[str, Any]], as_json: bool) -> None:
    """Print JSON lines with files, or the files alone; images without a file are counted on stderr."""
    pictures = [(one["source"], (one["key"], one["content_sha256"], None, None)) for one in rejected]
    without = 0
    for one, path in zip(rejected, paths_of_pictures(store, pictures), strict=True):
        without += path is None
        if as_json:
            emit_json({**one, "path": path})
        elif path is not None:
            say_path(path)
    if without and not as_json:
        images = "1 rejected image has no file" if without == 1 else f"{without} rejected images have no file"
        echo(f"{images} that can be read now", err=True)
        say_unreachable(str(store.path))


def _print_by_reason(rejected: list[dict[str, Any]]) -> None:
    """Print each reason with its number of images, the most common first, and the keys below it."""
    by_reason: dict[tuple[str, str], list[str]] = {}
    for one in rejected:
        by_reason.setdefault((one["reason"], one["stage"]), []).append(one["key"])
    for (reason, stage), keys in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        echo(f"{len(keys)} {'image' if len(keys) == 1 else 'images'}: {shown(reason)} ({stage})")
        for key in keys:
            echo(f"  {shown(key)}")
    if not rejected:
        echo("no image was rejected", err=True)
