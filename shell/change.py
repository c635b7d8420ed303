"""The commands that change a collection: embed, import, index, remove and move."""

import os
import shlex
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from ..search.changing import filling
from ..search.collection import Collection
from ..store.errors import LookalikeError, TooManyRejects
from ..store.shown import shortened
from ..store.version.rejects import first_rejects
from ..store.version.store import Store
from ..store.version.tables import info
from .mistaken import check_collection
from .options import device_option, source_options
from .output import bar, echo, emit_json, next_of_rows, next_of_search, say_next, shown

MOST_REJECTS = 5
"""Rejected images that `embed` names; the collection lists them all."""
_PRUNE_ALL = "--prune-all"


class _WithPrune(click.Command):
    """A command whose flag --prune may also be written --prune=all."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does, which would take the next argument as the value of --prune."""
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [_PRUNE_ALL if a == "--prune=all" else a for a in args[:end]] + args[end:])


@click.command(cls=_WithPrune, short_help="Bring a collection up to date with a source of images.")
@click.argument("collection")
@click.argument("source")
@click.option("--model", help='Folder of a trained model, or "pretrained"; not needed once the collection has a model.')
@click.option("--prefix", default="", help="Text put before every key, for when another source has the same keys.")
@click.option("--engine", type=click.Choice(["local"]), default="local", show_default=True, help="Where the work runs.")
@click.option("--workers", type=click.IntRange(1), help="Number of processes.  [default: one per core for large jobs]")
@click.option(
    "--prune",
    is_flag=True,
    help="Remove images that are gone from this source; with --prefix, only those with that prefix. If less than half "
    "would be left, this is refused unless you write --prune=all.",
)
@click.option(_PRUNE_ALL, is_flag=True, hidden=True, help="How --prune=all is parsed.")
@click.option("--checksum", is_flag=True, help="Compare file contents instead of size and modification time.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Reject an image if decoding it takes longer.  [default: 60, or LOOKALIKE_TIMEOUT]",
)
@click.option(
    "--max-rejects",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Exit with 3 if more than this share is rejected.",
)
@source_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def embed(collection: str, source: str, as_json: bool, prune: bool, prune_all: bool, **options: Any) -> None:
    """Bring COLLECTION up to date with the images of SOURCE: embed new and changed ones, skip the others.

    SOURCE is a folder (class folders or a metadata.csv give labels), a table (.csv, .tsv, .jsonl or .parquet), an IDX
    pair (images.gz:labels.gz), or one image. COLLECTION is created if it does not exist. After an interruption, run the
    command again: it goes on where it stopped. Images that cannot be read are listed by `lookalike rejects`.

    Accepted images are JPEG, PNG, WebP, GIF (its first frame), BMP, TIFF, PPM, PGM, PBM, PFM, AVIF, HEIC (with the
    extra `heif`), and camera raw such as DNG, NEF, CR2 and ARW where it holds a picture of full size. The content of a
    file counts, not its extension.
    """
    answer = emit_json if as_json else partial(_print_embedded, collection, source)
    check_collection("embed", collection, source, creates=True)
    notes: list[str] = []
    options["prune"] = "all" if prune_all else prune
    try:
        with bar("embed") as progress:
            done = filling.embed(Path(collection), source, progress=progress, say=notes.append, **options)
    except TooManyRejects as error:
        answer(error.done)
        _print_notes(notes)
        raise
    answer(done)
    _print_notes(notes)
    if not as_json and done["seen"] > done["rejected"]:
        next_of_rows(collection)


def _print_notes(notes: list[str]) -> None:
    for note in notes:
        echo(shown(note), err=True)


_LONGEST = 300  # characters of a key: some columns hold whole images as text
_COUNTS = {
    "embedded": "embedded",
    "skipped": "unchanged",
    "duplicates": "stored as copies of others",
    "rejected": "rejected",
    "removed": "removed",
    "ignored": "other files ignored",
}


def _print_embedded(collection: str, source: str, done: Mapping[str, Any]) -> None:
    counts = [f"{done[name]:,} {said}" for name, said in _COUNTS.items() if done[name] or name == "embedded"]
    echo(f"{', '.join(counts)} ({done['seconds']:.1f} s)")
    if not done["seen"]:
        echo("the source has no images", err=True)
    if done["rejected"]:
        for key, reason in _rejected(collection, source):
            echo(f"rejected {shortened(key, _LONGEST)}: {shown(reason)}", err=True)
        listing = shlex.join(("lookalike", "rejects", collection))
        echo(f"all rejected images and reasons: {shown(listing)} (or {shown(collection)}/rejects/*.parquet)", err=True)


def _rejected(collection: str, source: str) -> list[tuple[str, str]]:
    """The first rejected images with their reasons; none if the collection cannot be read (reported elsewhere)."""
    with suppress(LookalikeError), Store.open(collection) as store:
        return first_rejects(store, os.path.realpath(source), MOST_REJECTS)
    return []


@click.command("import", short_help="Add vectors that another program computed.")
@click.argument("collection")
@click.argument("vectors")
@click.option(
    "--keys",
    metavar="FILE",
    help="Keys, one per line or a column of a table.  [default: the keys in VECTORS, else row numbers]",
)
@click.option(
    "--labels", metavar="FILE", help="Labels, one per line or a column of a table; an empty label means none."
)
@click.option("--key-column", metavar="C", help="Column (array, dataset) that holds the keys.  [default: key]")
@click.option("--label-column", metavar="C", help="Column (array, dataset) that holds the labels.  [default: label]")
@click.option("--vector-column", metavar="C", help="Column (array, dataset) that holds the vectors.  [default: vector]")
@click.option("--normalise", is_flag=True, help="Scale rows to length 1 instead of refusing other lengths.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_(collection: str, vectors: str, as_json: bool, **options: Any) -> None:
    """Add VECTORS to COLLECTION, which is created if needed. Importing a file again updates its rows.

    VECTORS is a matrix (.npy, .fvecs, .bvecs), a table (.parquet, .arrow, .feather) with the columns key, label and
    vector, or named arrays (.npz, .hdf5, .h5) such as keys, labels and vectors. Further columns and arrays of text,
    numbers or times can be used in --where.

    The files of --keys and --labels are text, .json, .npy, or tables (.csv, .tsv, .jsonl, .parquet, .arrow, .feather);
    --key-column and --label-column name the column of a table. For the output of clip-retrieval, use
    --keys metadata_0.parquet --key-column image_path.
    """
    check_collection("import", collection, vectors, creates=True)
    with bar("import") as progress:
        done = filling.import_file(Path(collection), Path(vectors), progress=progress, **options)
    if as_json:
        emit_json(done)
    else:
        echo(f"{done['added']} added, {done['replaced']} replaced, {done['skipped']} unchanged, of {done['seen']}")
        next_of_rows(collection)


@contextmanager
def _ended_at_once() -> Iterator[None]:
    """Let SIGTERM end the process directly: some loops of FAISS run for minutes and cannot be interrupted."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@click.command(short_help="Build or extend the index of a collection.")
@click.argument("collection")
@click.option("--spec", default="auto", show_default=True, metavar="auto|FACTORY", help="Any FAISS factory string.")
@click.option(
    "--recall", type=click.FloatRange(0, 1), default=0.95, show_default=True, help="Recall@k that the index must reach."
)
@click.option(
    "-k", type=click.IntRange(1), default=10, show_default=True, help="Number of neighbours k for that recall."
)
@click.option("--memory", metavar="SIZE", help='Largest size of the index in memory, such as "2G".')
@device_option("will search the index")
@click.option("--compact", is_flag=True, help="Delete removed vectors from the files and merge small files.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def index(collection: str, as_json: bool, **options: Any) -> None:
    """Build or extend the index of COLLECTION, update its class prototypes, and print the measured recall."""
    check_collection("index", collection)
    with bar("index") as progress, Collection.open(collection) as opened, _ended_at_once():
        card = opened.index(progress=progress, **options)
    with Store.open(collection) as store:
        labelled = store.model is not None and bool(store.classes)
    if as_json:
        emit_json(card.to_json())
        return
    echo(str(card))
    if labelled:
        say_next("calibrate", collection, "LABELLED_PHOTOS")
    else:
        next_of_search(collection)


@click.command(short_help="Remove images by key.")
@click.argument("collection")
@click.argument("key", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def remove(collection: str, key: tuple[str, ...], as_json: bool) -> None:
    """Remove images from COLLECTION by KEY (or key:KEY, as in queries). If one key is unknown, nothing is removed."""
    check_collection("remove", collection, *key)
    with Store.open(collection) as store:
        there = dict(zip(key, store.find(key) >= 0, strict=True))
    with Collection.open(collection) as opened:
        removed = opened.remove([name if there[name] else name.removeprefix("key:") for name in key])
    if as_json:
        emit_json({"removed": removed})
    else:
        echo(f"{removed} removed")


_MOST_NAMED = 3


@click.command(short_help="Record that a source of images has moved.")
@click.argument("collection")
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per source that moved.")
def move(collection: str, old: str, new: str, as_json: bool) -> None:
    """Record in COLLECTION that the source OLD is now at NEW, after a folder was renamed or mounted elsewhere.

    Keys stay the same and nothing is encoded again; run `lookalike embed COLLECTION NEW` from then on. OLD need not
    exist any more. If OLD is a folder that contained several sources, all of them move. `lookalike rollback` undoes it.
    """
    from ..store.changing.moving import move as note

    check_collection("move", collection, old, new)
    for moved in note(collection, old, new):
        if as_json:
            emit_json(asdict(moved))
        else:
            rejects = f" (and {moved.rejects:,} rejected)" if moved.rejects else ""
            images = "image" if moved.rows == 1 else "images"
            echo(f"{moved.rows:,} {images}{rejects}: {shown(moved.old)} is now {shown(moved.new)}")


def say_unreachable(collection: str) -> None:
    """Name the sources that cannot be read now on stderr, each with the command that records its new place."""
    from ..store.version.store import Store

    with suppress(LookalikeError), Store.open(collection) as store:  # a hint, no more
        away = [each.source for each in info(store).sources if each.reachable is False]
        for source in away[:_MOST_NAMED]:
            command = shown(shlex.join(("lookalike", "move", collection, source, "NEW")))
            echo(f"source {shown(source)} cannot be read now; if it has moved: {command}", err=True)
        if more := len(away[_MOST_NAMED:]):
            echo(f"{more} more sources cannot be read now", err=True)
