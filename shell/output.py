"""Shared by commands: lines on stdout, progress and next-step hints on stderr, tables, the options of a source."""

import json
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import click

from ..store.errors import LookalikeError
from ..store.progress import Progress
from ..store.shown import shown
from ..store.version.store import Store
from .terminal.streams import fitting, lines_of, print_with, write_bytes, write_note, write_result

__all__ = [
    "Piped",
    "aligned",
    "bar",
    "echo",
    "emit_json",
    "next_of_rows",
    "next_of_search",
    "piped",
    "say_next",
    "say_path",
    "shown",
    "source_options",
    "undefined_as_null",
]

_MOST_PIPED = 1 << 30
_PIECE = 1 << 20
_LARGE = 20_000
"""Number of rows from which an index pays off; with fewer, comparing with every row takes milliseconds."""
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


def echo(text: object = "", err: bool = False) -> None:
    """Print `text` and a line end on stdout, or as a note on stderr, with terminal control characters escaped.

    Line ends within `text` stay, so names in it must go through `shown` first. Raises LookalikeError if stdout cannot
    be written to.
    """
    print_with(lambda: click.echo(fitting(lines_of(text), err), err=err), err)


class Piped(bytes):
    """The content of standard input, under the name "-" that people write for it."""

    filename = "-"


def piped() -> Piped:
    """Read standard input to its end, at most 1 GiB. Raises LookalikeError if it is a terminal, empty or longer."""
    if sys.stdin is not None and sys.stdin.isatty():
        raise LookalikeError("'-' reads standard input, which is a terminal: pipe an image into the command")
    pieces, size = [], 0
    while sys.stdin is not None and (piece := sys.stdin.buffer.read(_PIECE)):
        pieces.append(piece)
        size += len(piece)
        if size > _MOST_PIPED:
            raise LookalikeError(
                f"standard input has more than {_MOST_PIPED} bytes: pipe a single image into the command"
            )
    if not size:
        raise LookalikeError("'-' reads standard input, which is empty: pipe an image into the command")
    return Piped(b"".join(pieces))


def say_path(path: str) -> None:
    """Write a file name as a line on stdout; into a pipe with its exact bytes, unless it has control characters."""
    is_name = all(c.isprintable() or "\udc80" <= c <= "\udcff" for c in path)
    if is_name and not sys.stdout.isatty():
        write_bytes(os.fsencode(path) + b"\n")
    else:
        write_result(shown(path) + "\n")


def say_next(*words: str) -> None:
    """Suggest the next command in one dim line on stderr; words in capitals are placeholders."""
    text = f"next: lookalike {shown(shlex.join(words))}"
    write_note((f"\x1b[2m{text}\x1b[0m" if sys.stderr.isatty() else text) + "\n", counts=False)


def undefined_as_null(value: Any) -> Any:
    """`value` with NaN and infinities replaced by None, at any depth: JSON has neither."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {k: undefined_as_null(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [undefined_as_null(v) for v in value]
    return value


def emit_json(value: Mapping[str, Any]) -> None:
    """Write one JSON object as one line on stdout."""
    write_result(json.dumps(undefined_as_null(value), allow_nan=False) + "\n")


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """Yield a Progress that draws a bar on stderr if that is a terminal, else prints a line every ten seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.table import Column

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _plain(label)
        return
    columns = (
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=16, table_column=Column(min_width=8)),
        MofNCompleteColumn(table_column=Column(no_wrap=True)),
        TimeRemainingColumn(table_column=Column(no_wrap=True)),
        # Only the note is shortened if the line is too long: progress and remaining time matter more.
        TextColumn(
            "{task.fields[note]}", markup=False, table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis")
        ),
    )
    with Bar(*columns, console=console, transient=True, expand=True) as drawn:
        task = drawn.add_task(shown(label), total=None, note="")
        yield lambda done, total, note: drawn.update(task, completed=done, total=total, note=shown(note))


def _plain(label: str) -> Progress:
    """A progress for logs: one line at most every ten seconds."""
    import time

    last = time.monotonic()
    start: tuple[float, int] | None = None  # time and progress when the total became known

    def say(done: int, total: int | None, note: str) -> None:
        nonlocal last, start
        now = time.monotonic()
        if start is None and total is not None:
            start = now, done
        if now - last >= 10:
            last = now
            of = f" of {total}" if total is not None else ""
            left = _left(now - start[0], done - start[1], total - done) if start and total is not None else ""
            dot = " ·" if total is not None or note[:1].isdigit() else ""  # without it, the note says what is counted
            write_note(shown(f"{label}: {done}{of}{left}{f'{dot} {note}' if note else ''}") + "\n", counts=False)

    return say


def _left(seconds: float, done: int, to_do: int) -> str:
    """The remaining time at the speed so far, in words; empty if unknown."""
    if done <= 0:
        return ""
    rest = seconds * to_do / done
    return f", {rest / 60:.0f} min left" if rest >= 90 else f", {rest:.0f} s left"


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Lines of a table, its head first; the first `left` columns and the last one are left-aligned."""
    table = [list(head), *map(list, rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(head))]
    lines = []
    for row in table:
        cells = [
            cell.ljust(width) if column < left or column == len(head) - 1 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def next_of_rows(collection: str) -> None:
    """Suggest what to do after rows were added: index if there are many and no index yet, else search."""
    with suppress(LookalikeError), Store.open(collection) as store:  # the rows are in: this is a hint, no more
        if store.rows >= _LARGE and store.content.index is None:
            say_next("index", collection)
        elif store.rows:
            next_of_search(collection)


def next_of_search(collection: str) -> None:
    """Suggest a search: with an image if the collection has a model, else with a key."""
    with suppress(LookalikeError), Store.open(collection) as store:
        say_next("search", collection, "KEY" if store.model is None else "IMAGE")


def source_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for reading a source to a command: exclude, labels, follow_links, image_column, label_column."""
    for option in reversed(_SOURCE_OPTIONS):
        command = option(command)
    return command
