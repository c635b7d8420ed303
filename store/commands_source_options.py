"""Shell: the options of how a source is read, which several commands have."""

from collections.abc import Callable
from typing import Any

import click

_SOURCE_OPTIONS = (
    click.option(
        "--exclude",
        metavar="GLOB",
        multiple=True,
        help="Leave out files and folders as a .gitignore does: by name, or with a slash by path below SOURCE.",
    ),
    click.option(
        "--no-labels",
        "labels",
        is_flag=True,
        flag_value=False,
        default=True,
        help="Do not take the names of folders for labels.",
    ),
    click.option("--follow-links", is_flag=True, help="Follow links out of SOURCE, and links to folders."),
    click.option("--image-column", metavar="C", help="The column of a table that holds or names the images."),
    click.option(
        "--label-column", metavar="C", help="The column of a table, or of a folder's metadata, that gives the labels."
    ),
)


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of how a source is read: exclude, labels, follow_links, image_ and label_column."""
    for option in reversed(_SOURCE_OPTIONS):
        command = option(command)
    return command
