"""Shell: what changes a collection (embed, import, index, remove, move)."""

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
from ..search.view import DEVICES
from ..store.errors import LookalikeError, TooManyRejects
from ..store.shown import shortened
from ..store.version.rejects import first_rejects
from ..store.version.store import Store
from ..store.version.tables import info
from .mistaken import check_collection
from .output import bar, echo, emit_json, next_of_rows, next_of_search, say_next, shown, source_options

MOST_REJECTS = 5
"""Rejected images that `embed` names; the collection lists them all."""
_PRUNE_ALL = "--prune-all"


class _WithPrune(click.Command):
    """A command whose flag --prune may also be written --prune=all."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, which would take the next argument for the value of an option that may do without."""
        end = args.index("--") if "--" in args else len(args)
        return super().parse_args(ctx, [_PRUNE_ALL if a == "--prune=all" else a for a in args[:end]] + args[end:])


@click.command(cls=_WithPrune, short_help="Bring a collection up to date with a source of images.")
@click.argument("collection")
@click.argument("source")
@click.option("--model", help='A trained model\'s folder, or "pretrained"; not needed once the collection has one.')
@click.option("--prefix", default="", help="Put before every key, where another source owns the same ones.")
@click.option("--engine", type=click.Choice(["local"]), default="local", show_default=True, help="What runs the work.")
@click.option("--workers", type=click.IntRange(1), help="Processes; one a core for large jobs by default.")
@click.option(
    "--prune",
    is_flag=True,
    help="Remove what vanished from this source; with --prefix only rows under it. Where less than half is left this "
    "is refused, unless it is written --prune=all.",
)
@click.option(_PRUNE_ALL, is_flag=True, hidden=True, help="What --prune=all is read as.")
@click.option("--checksum", is_flag=True, help="Compare contents instead of size and time of change.")
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    metavar="SECONDS",
    help="Reject an image whose decoding takes longer.  [default: 60, or LOOKALIKE_TIMEOUT]",
)
@click.option("--max-rejects", type=click.FloatRange(0, 1), metavar="SHARE", help="Exit 3 above this share of rejects.")
@source_options
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def embed(collection: str, source: str, as_json: bool, prune: bool, prune_all: bool, **options: Any) -> None:
    """Bring COLLECTION up to date with the images of SOURCE: embed new and changed ones, skip the others.

    SOURCE is a folder (class folders or a metadata.csv give labels), a table (.csv, .tsv, .jsonl or .parquet), an IDX
    pair (images.gz:labels.gz), or one image. COLLECTION is made where there is none. Running it again is the repair
    after an interruption. Images that cannot be read are listed in the collection's rejects.

    Accepted are JPEG, PNG, WebP, GIF (its first frame), BMP, TIFF, PPM, PGM, PBM, PFM, AVIF, HEIC (with the extra
    `heif`), and camera raw such as DNG, NEF, CR2 and ARW where it holds a picture of full size. The content decides,
    whatever a file's extension.
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
        echo("the source has no image", err=True)
    if done["rejected"]:
        for key, reason in _rejected(collection, source):
            echo(f"rejected {shortened(key, _LONGEST)}: {shown(reason)}", err=True)
        listing = shlex.join(("lookalike", "rejects", collection))
        echo(f"all rejected images and reasons: {shown(listing)} (or {shown(collection)}/rejects/*.parquet)", err=True)


def _rejected(collection: str, source: str) -> list[tuple[str, str]]:
    """Some rejected images with their reasons; none where the collection cannot be read, which is said elsewhere."""
    with suppress(LookalikeError), Store.open(collection) as store:
        return first_rejects(store, os.path.realpath(source), MOST_REJECTS)
    return []


@click.command("import", short_help="Add vectors made elsewhere.")
@click.argument("collection")
@click.argument("vectors")
@click.option(
    "--keys", metavar="FILE", help="Keys, one a line or a table's column; else VECTORS' own, else row numbers."
)
@click.option("--labels", metavar="FILE", help="Labels, one a line or a table's column; empty: none.")
@click.option("--key-column", metavar="C", help="The column (array, dataset) of keys.  [default: key]")
@click.option("--label-column", metavar="C", help="The column (array, dataset) of labels.  [default: label]")
@click.option("--vector-column", metavar="C", help="The column (array, dataset) of vectors.  [default: vector]")
@click.option("--normalise", is_flag=True, help="Bring rows to length 1 instead of refusing others.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def import_(collection: str, vectors: str, as_json: bool, **options: Any) -> None:
    """Add VECTORS to COLLECTION, which is made where there is none. Importing a file again brings it up to date.

    VECTORS is a matrix (.npy, .fvecs, .bvecs), a table (.parquet, .arrow, .feather) with the columns key, label and
    vector, or named arrays (.npz, .hdf5, .h5) such as keys, labels and vectors. Further columns and arrays of text,
    numbers or times are kept for --where.

    The files of --keys and --labels are text, .json, .npy, or tables (.csv, .tsv, .jsonl, .parquet, .arrow, .feather),
    of which --key-column and --label-column then name the column: clip-retrieval's are --keys metadata_0.parquet
    --key-column image_path.
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
@click.option(
    "--device", type=click.Choice(DEVICES), default="auto", show_default=True, help="Where it will be searched."
)
@click.option("--compact", is_flag=True, help="Drop removed vectors physically and merge small files.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def index(collection: str, as_json: bool, **options: Any) -> None:
    """Build or extend the index of COLLECTION, fold its class prototypes, and say what was measured."""
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
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def remove(collection: str, key: tuple[str, ...], as_json: bool) -> None:
    """Remove images from COLLECTION by KEY (or key:KEY, as queries say it); nothing is removed where one is unknown."""
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


@click.command(short_help="Say that a source of images lies elsewhere now.")
@click.argument("collection")
@click.argument("old")
@click.argument("new")
@click.option("--json", "as_json", is_flag=True, help="One JSON object for each source that moved.")
def move(collection: str, old: str, new: str, as_json: bool) -> None:
    """Tell COLLECTION that what it has from the source OLD lies at NEW now, after a folder was renamed or mounted
    elsewhere.

    Keys stay and nothing is encoded again; `lookalike embed COLLECTION NEW` then goes on as before. OLD need not exist
    any more. Where OLD is a folder that held several sources, all of them move. `lookalike rollback` takes it back.
    """
    from ..store.changing.moving import move as note

    check_collection("move", collection, old, new)
    for moved in note(collection, old, new):
        if as_json:
            emit_json(asdict(moved))
        else:
            rejects = f" (and {moved.rejects:,} rejected)" if moved.rejects else ""
            images = "image" if moved.rows == 1 else "images"
            echo(f"{moved.rows:,} {images}{rejects}: {shown(moved.old)} is {shown(moved.new)} now")


def say_unreachable(collection: str) -> None:
    """Name the sources that cannot be read now on stderr, each with the command that tells where it has moved."""
    from ..store.version.store import Store

    with suppress(LookalikeError), Store.open(collection) as store:  # a hint, no more
        away = [each.source for each in info(store).sources if each.reachable is False]
        for source in away[:_MOST_NAMED]:
            command = shown(shlex.join(("lookalike", "move", collection, source, "NEW")))
            echo(f"source {shown(source)} cannot be read now; if it has moved: {command}", err=True)
        if more := len(away[_MOST_NAMED:]):
            echo(f"{more} more sources cannot be read now", err=True)
