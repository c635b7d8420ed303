"""Shell: info, verify, rollback, gc and export."""

from pathlib import Path
from typing import Any

import click

from .shell import bar, emit_json, shown

_JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.command(short_help="Say what a collection holds.")
@click.argument("collection")
@click.option("--version", type=int, help="Of this version instead of the newest.")
@_JSON
def info(collection: str, version: int | None, as_json: bool) -> None:
    """Say what COLLECTION holds: rows, classes, what is indexed, the model, and the version calibrated last."""
    from .store import Store

    with Store.open(collection, version) as store:
        _answer(store.info(), as_json)


@click.command(short_help="Read every byte and report damage.")
@click.argument("collection")
@_JSON
@click.pass_context
def verify(ctx: click.Context, collection: str, as_json: bool) -> None:
    """Read every byte of COLLECTION, open its indexes, and report what is damaged; exit 1 where anything is.

    Files of older versions are read too. What is damaged has to come from a copy; `lookalike rollback` goes back to a
    version that does not need it.
    """
    from .verify import verify as each

    files = problems = 0
    with bar("verify") as progress:
        for file, problem in each(collection, (ctx.find_root().obj or {}).get("try_index")):
            files += 1
            problems += problem is not None
            progress(files, None, shown(file))
            if as_json:
                emit_json({"file": file, "problem": problem})
            elif problem is not None:
                click.echo(shown(f"{file}: {problem}"))
    if not as_json:
        click.echo(f"{files} files, {problems} problems")
    ctx.exit(1 if problems else 0)


@click.command(short_help="Publish an older version as the newest.")
@click.argument("collection")
@click.option(
    "--to", "version", type=int, help="The version to go back to [default: the last sound one before the newest]."
)
@_JSON
def rollback(collection: str, version: int | None, as_json: bool) -> None:
    """Publish an older version of COLLECTION as its newest, with a new number; also where the newest is damaged.

    Nothing is lost by it: `lookalike rollback` to the version in between comes back, until `lookalike gc`.
    """
    from .housekeeping import rollback as go_back

    with go_back(collection, version) as store:
        _answer({"version": store.version, "rows": store.rows}, as_json)


@click.command(short_help="Delete files that no kept version needs.")
@click.argument("collection")
@_JSON
def gc(collection: str, as_json: bool) -> None:
    """Delete what neither the last two versions of COLLECTION nor those being read need.

    Deleted rows go with `lookalike index --compact` first. Files that are not ours, in our folders, go as well.
    """
    from .housekeeping import gc as collect

    done = collect(collection)
    if as_json:
        emit_json(done)
    else:
        click.echo(f"deleted {done['versions']} versions and {done['files']} files, {done['bytes']:,} bytes")


@click.command(short_help="Write keys, labels and vectors to one file.")
@click.argument("collection")
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@_JSON
def export(collection: str, out: Path, as_json: bool) -> None:
    """Write the rows of COLLECTION to OUT, which must not exist: all columns to .parquet, the vectors alone to .npy."""
    from .export import export as write
    from .store import Store

    with Store.open(collection) as store, bar("export") as progress:
        write(store, out, progress)
        _answer({"file": str(out), "rows": store.rows}, as_json)


def _answer(values: dict[str, Any], as_json: bool) -> None:
    """One JSON line, or a line for each value."""
    if as_json:
        emit_json(values)
        return
    width = max(map(len, values))
    for name, value in values.items():
        click.echo(f"{name:<{width}}  {'-' if value is None else shown(str(value))}")
