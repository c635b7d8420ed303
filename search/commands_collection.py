"""Shell: what changes a collection (embed, import, index, remove)."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import click

from ..store.errors import LookalikeError, TooManyRejects
from ..store.rejects import first_rejects
from ..store.shell import bar, emit_json, shown
from . import filling
from .collection import Collection
from .commands import DEVICES

MOST_REJECTS = 5
"""Rejected images that `embed` names; the collection lists them all."""


@click.command(short_help="Bring a collection up to date with a source of images.")
@click.argument("collection")
@click.argument("source")
@click.option("--model", help='A trained model\'s folder, or "pretrained"; not needed once the collection has one.')
@click.option("--prefix", default="", help="Put before every key, where another source owns the same ones.")
@click.option("--engine", type=click.Choice(["local"]), default="local", show_default=True, help="What runs the work.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a core for large jobs by default.")
@click.option("--prune", is_flag=True, help="Remove what vanished from this source; with --prefix only rows under it.")
@click.option("--checksum", is_flag=True, help="Compare contents instead of size and time of change.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Reject an image whose decoding takes longer.  [default: 60, or LOOKALIKE_TIMEOUT]",
)
@click.option("--max-rejects", type=click.FloatRange(0, 1), metavar="SHARE", help="Exit 3 above this share of rejects.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def embed(collection: str, source: str, as_json: bool, **options: Any) -> None:
    """Bring COLLECTION up to date with the images of SOURCE: embed new and changed ones, skip the others.

    SOURCE is a folder (class folders or a metadata.csv give labels), a CSV or Parquet table, an IDX pair
    (images.gz:labels.gz), or one image. COLLECTION is made where there is none. Running it again is the repair after
    an interruption. Images that cannot be read are listed in the collection's rejects.
    """
    say = emit_json if as_json else partial(_print_embedded, collection, source)
    try:
        with bar("embed") as progress:
            done = filling.embed(Path(collection), source, progress=progress, **options)
    except TooManyRejects as error:
        say(error.done)
        raise
    say(done)


def _print_embedded(collection: str, source: str, done: dict[str, Any]) -> None:
    click.echo(
        f"{done['embedded']} embedded, {done['skipped']} unchanged, {done['duplicates']} stored as copies of others, "
        f"{done['rejected']} rejected, {done['removed']} removed, {done['ignored']} other files ignored "
        f"({done['seconds']:.1f} s)"
    )
    if not done["seen"]:
        click.echo("the source has no image", err=True)
    if done["rejected"]:
        for key, reason in _rejected(collection, source):
            click.echo(f"rejected {shown(key)}: {shown(reason)}", err=True)
        click.echo(f"all rejected images and reasons: {shown(collection)}/rejects/*.parquet", err=True)


def _rejected(collection: str, source: str) -> list[tuple[str, str]]:
    """Some rejected images with their reasons; none where the collection cannot be read, which is said elsewhere."""
    with suppress(LookalikeError), Collection.open(collection) as opened:
        return first_rejects(opened.store, os.path.realpath(source), MOST_REJECTS)
    return []


@click.command("import", short_help="Add vectors made elsewhere.")
@click.argument("collection")
@click.argument("vectors")
@click.option("--keys", help="A text file, one key a line; the row's number otherwise.")
@click.option("--labels", help="A text file, one label a line; an empty line is no label.")
@click.option("--normalise", is_flag=True, help="Bring rows to length 1 instead of refusing others.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def import_(
    collection: str, vectors: str, keys: str | None, labels: str | None, normalise: bool, as_json: bool
) -> None:
    """Add VECTORS (.npy, .parquet with key, label and vector, .hdf5, .fvecs) to COLLECTION, made if there is none."""
    options: dict[str, Any] = {"keys": keys and Path(keys), "labels": labels and Path(labels), "normalise": normalise}
    with bar("import") as progress:
        done = filling.import_file(Path(collection), Path(vectors), progress=progress, **options)
    if as_json:
        emit_json(done)
    else:
        click.echo(
            f"{done['added']} added, {done['replaced']} replaced, {done['skipped']} unchanged, of {done['seen']}"
        )


@contextmanager
def _ended_at_once() -> Iterator[None]:
    """Let SIGTERM end the process as it is: some of FAISS's loops run for minutes and ask nobody."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@click.command(short_help="Build or extend the index over instances and prototypes.")
@click.argument("collection")
@click.option("--spec", default="auto", show_default=True, metavar="auto|FACTORY", help="Any FAISS factory string.")
@click.option("--recall", type=click.FloatRange(0, 1), default=0.95, show_default=True, help="Recall@k to reach.")
@click.option("-k", type=click.IntRange(1), default=10, show_default=True, help="The k of that recall.")
@click.option("--memory", metavar="SIZE", help='Bound of the index in memory, such as "2G".')
@click.option("--device", type=DEVICES, default="auto", show_default=True, help="Where it will be searched.")
@click.option("--compact", is_flag=True, help="Drop removed vectors physically and merge small files.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def index(collection: str, as_json: bool, **options: Any) -> None:
    """Build or extend the index of COLLECTION, fold its class prototypes, and say what was measured."""
    with bar("index") as progress, Collection.open(collection) as opened, _ended_at_once():
        card = opened.index(progress=progress, **options)
    if as_json:
        emit_json(card.to_json())
    else:
        click.echo(str(card))


@click.command(short_help="Remove images by key.")
@click.argument("collection")
@click.argument("key", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def remove(collection: str, key: tuple[str, ...], as_json: bool) -> None:
    """Remove images from COLLECTION by KEY (or key:KEY, as queries say it); nothing is removed where one is unknown."""
    with Collection.open(collection) as opened:
        there = dict(zip(key, opened.store.find(key) >= 0, strict=True))
        removed = opened.remove([name if there[name] else name.removeprefix("key:") for name in key])
    if as_json:
        emit_json({"removed": removed})
    else:
        click.echo(f"{removed} removed")
