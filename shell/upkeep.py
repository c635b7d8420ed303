"""The commands info, verify, rollback, gc and export."""

from pathlib import Path
from typing import Any

import click

from ..search.changing.upkeep import try_index as _try_index
from ..store.disk.memory import in_words
from .change import say_unreachable
from .mistaken import check_collection
from .output import bar, echo, emit_json, shown

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")


@click.command(short_help="Show what a collection contains.")
@click.argument("collection")
@click.option("--version", type=int, help="Show this version instead of the newest.")
@_JSON
def info(collection: str, version: int | None, as_json: bool) -> None:
    """Show what COLLECTION contains: rows, classes, indexed rows, the model, and the version calibrated last.

    Then list its sources, each with its number of images and whether it can be read now.
    """
    from ..store.version import tables
    from ..store.version.store import Store

    check_collection("info", collection)
    with Store.open(collection, version) as store:
        facts = tables.info(store).to_json()
    sources = [] if as_json else facts.pop("sources")
    if not as_json:
        facts["bytes"] = f"{facts['bytes']:,} ({in_words(facts['bytes'])})"
    _answer(facts, as_json)
    for source in sources[:_MOST_SOURCES]:
        images = f"{source['rows']} image{'s' * (source['rows'] != 1)}"
        echo(f"source {shown(source['source'])}: {images}, {_REACHABLE[source['reachable']]}")
    if more := len(sources[_MOST_SOURCES:]):
        echo(f"and {more} more sources: --json lists them all")
    if any(source["reachable"] is False for source in sources):
        say_unreachable(collection)


_MOST_SOURCES = 20
_REACHABLE = {True: "can be read now", False: "cannot be read now", None: "added from memory"}


@click.command(short_help="Check every file and report damage.")
@click.argument("collection")
@_JSON
@click.pass_context
def verify(ctx: click.Context, collection: str, as_json: bool) -> None:
    """Read every file of COLLECTION, open its indexes, and report damage; exit with 1 if there is any.

    Files of older versions are read too. Restore damaged files from a backup, or use `lookalike rollback` to go back to
    a version that does not need them.
    """
    from ..store.upkeep.verify import verify as each

    check_collection("verify", collection)
    files = problems = 0
    with bar("verify") as progress:
        for file, problem in each(collection, _try_index):
            files += 1
            problems += problem is not None
            progress(files, None, shown(file))
            if as_json:
                emit_json({"file": file, "problem": problem})
            elif problem is not None:
                echo(shown(f"{file}: {problem}"))
    if not as_json:
        echo(f"{files} files, {problems} problems")
    ctx.exit(1 if problems else 0)


@click.command(short_help="Publish an older version as the newest.")
@click.argument("collection")
@click.option(
    "--to", "version", type=int, help="Version to go back to.  [default: the last undamaged one before the newest]"
)
@_JSON
def rollback(collection: str, version: int | None, as_json: bool) -> None:
    """Publish an older version of COLLECTION as its newest, under a new number; also if the newest is damaged.

    Nothing is lost: until you run `lookalike gc`, another `lookalike rollback` returns to the version in between.
    """
    from ..store.upkeep.housekeeping import rollback as go_back

    check_collection("rollback", collection)
    with go_back(collection, version) as store:
        _answer({"version": store.version, "rows": store.rows}, as_json)


@click.command(short_help="Delete files that no current version needs.")
@click.argument("collection")
@click.option(
    "--keep-younger",
    default="24h",
    show_default=True,
    metavar="TIME",
    help="Keep unused files younger than this, such as 90m, 24h or 7d; 0 keeps none.",
)
@_JSON
def gc(collection: str, keep_younger: str, as_json: bool) -> None:
    """Delete files that neither the last two versions of COLLECTION nor versions being read need.

    To free the space of removed rows, run `lookalike index --compact` first. Foreign files in the folders of the
    collection are deleted too. Files that no version uses are kept for a day, because a process on another machine may
    be about to commit them, where file locks do not reach that far.
    """
    from ..store.sizes import parse_duration
    from ..store.upkeep.housekeeping import gc as collect

    check_collection("gc", collection)
    done = collect(collection, parse_duration(keep_younger))
    if as_json:
        emit_json(done)
        return
    echo(f"deleted {done['versions']} versions and {done['files']} files, {done['bytes']:,} bytes")
    if done["kept_files"]:
        echo(
            f"kept {done['kept_files']} unused files younger than {keep_younger}: another process may be about to "
            "commit them; --keep-younger 0 deletes them too",
            err=True,
        )


@click.command(short_help="Write keys, labels and vectors to one file.")
@click.argument("collection")
@click.argument("out", type=click.Path(path_type=Path))
@_JSON
def export(collection: str, out: Path, as_json: bool) -> None:
    """Write the rows of COLLECTION to the new file OUT: all columns to .parquet, or only the vectors to .npy."""
    from ..store.version.export import export as write
    from ..store.version.store import Store

    check_collection("export", collection, str(out))
    with Store.open(collection) as store, bar("export") as progress:
        write(store, out, progress)
        _answer({"file": str(out), "rows": store.rows}, as_json)


def _answer(values: dict[str, Any], as_json: bool) -> None:
    """Print one JSON line, or one line per value."""
    if as_json:
        emit_json(values)
        return
    width = max(map(len, values))
    for name, value in values.items():
        echo(f"{name:<{width}}  {'-' if value is None else shown(str(value))}")
