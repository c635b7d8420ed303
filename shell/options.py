"""Options that several commands have."""

from collections.abc import Callable
from typing import Any

import click

from ..store.checks import DEVICES

Command = Callable[..., Any]

_SOURCE_OPTIONS = (
    click.option(
        "--exclude",
        metavar="GLOB",
        multiple=True,
        help="Skip files and folders, as in a .gitignore: by name, or by path below SOURCE if it contains a slash.",
    ),
    click.option(
        "--no-labels",
        "labels",
        is_flag=True,
        flag_value=False,
        default=True,
        help="Do not use folder names as labels.",
    ),
    click.option("--follow-links", is_flag=True, help="Follow links to folders and links that lead out of SOURCE."),
    click.option("--image-column", metavar="C", help="Column of a table that contains or names the images."),
    click.option(
        "--label-column",
        metavar="C",
        help="Column of a table, or of the metadata of a folder, that contains the labels.",
    ),
)
cache_option = click.option(
    "--cache/--no-cache", default=True, show_default=True, help="Reuse the vectors of earlier runs, and store new ones."
)


def device_option(does: str) -> Callable[[Command], Command]:
    """The option --device; `does` completes the help "Device that ..."."""
    return click.option(
        "--device", type=click.Choice(DEVICES), default="auto", show_default=True, help=f"Device that {does}."
    )


def rule_option(command: Command) -> Command:
    """Add the option --by: the rule that decides."""
    from ..search.deciding.rank import RULES

    return click.option(
        "--by", type=click.Choice(RULES), default="prototype", show_default=True, help="The rule that decides."
    )(command)


def vote_options(command: Command) -> Command:
    """Add the options -k and --weights of a vote of neighbours."""
    from ..search.deciding.vote import WEIGHTS

    weights = click.option(
        "--weights",
        type=click.Choice(WEIGHTS),
        default="uniform",
        show_default=True,
        help="How votes are weighted (--by knn).",
    )
    number = click.option(
        "-k", type=click.IntRange(1), default=10, show_default=True, help="Number of neighbours that vote (--by knn)."
    )
    return number(weights(command))


def source_options(command: Command) -> Command:
    """Add the options for reading a source to a command: exclude, labels, follow_links, image_column, label_column."""
    for option in reversed(_SOURCE_OPTIONS):
        command = option(command)
    return command
