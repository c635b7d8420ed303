"""Shell: move."""

from dataclasses import asdict

import click

from .shell import check_collection, echo, emit_json, shown


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
    from .moving import move as note

    check_collection("move", collection, old, new)
    for moved in note(collection, old, new):
        if as_json:
            emit_json(asdict(moved))
        else:
            rejects = f" (and {moved.rejects:,} rejected)" if moved.rejects else ""
            images = "image" if moved.rows == 1 else "images"
            echo(f"{moved.rows:,} {images}{rejects}: {shown(moved.old)} is {shown(moved.new)} now")
