"""Shell: move."""

import shlex
from contextlib import suppress
from dataclasses import asdict

import click

from ..store.errors import LookalikeError
from ..store.version.tables import info
from .mistaken import check_collection
from .output import echo, emit_json, shown

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
        away = [each["source"] for each in info(store)["sources"] if each["reachable"] is False]
        for source in away[:_MOST_NAMED]:
            command = shown(shlex.join(("lookalike", "move", collection, source, "NEW")))
            echo(f"source {shown(source)} cannot be read now; if it has moved: {command}", err=True)
        if more := len(away[_MOST_NAMED:]):
            echo(f"{more} more sources cannot be read now", err=True)
