"""What commands print: lines and tables on stdout, progress and next-step hints on stderr."""

import json
import math
import os
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import click

from ..store.errors import LookalikeError
from ..store.progress import Progress
from ..store.shown import shown
from .terminal.streams import fitting, lines_of, print_with, write_bytes, write_note, write_result

__all__ = [
    "Piped",
    "bar",
    "echo",
    "emit_json",
    "next_of_rows",
    "next_of_search",
    "piped",
    "say_next",
    "say_path",
    "shown",
    "table",
    "undefined_as_null",
]

_MOST_PIPED = 1 << 30
_PIECE = 1 << 20
_WIDEST = 10_000  # columns of a terminal: lines are never wrapped
_LARGE = 20_000
"""Number of rows from which an index pays off; with fewer, comparing with every row takes milliseconds."""


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


def table(head: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1, last_left: bool = True) -> list[str]:
    """Lines of a table, its head first; the first `left` columns are left-aligned, and the last one if `last_left`."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for column in range(len(head)):
        is_left = column < left or (last_left and column == len(head) - 1)
        drawn.add_column(justify="left" if is_left else "right", no_wrap=True)
    for row in (head, *rows):
        drawn.add_row(*map(Text, row))
    console = Console(width=_WIDEST, color_system=None)
    with console.capture() as capture:
        console.print(drawn)
    return [line.rstrip() for line in capture.get().splitlines()]


def next_of_rows(collection: str) -> None:
    """Suggest what to do after rows were added: index if there are many and no index yet, else search."""
    from ..store.version.store import Store

    with suppress(LookalikeError), Store.open(collection) as store:  # the rows are in: this is a hint, no more
        if store.rows >= _LARGE and store.content.index is None:
            say_next("index", collection)
        elif store.rows:
            next_of_search(collection)


def next_of_search(collection: str) -> None:
    """Suggest a search: with an image if the collection has a model, else with a key."""
    from ..store.version.store import Store

    with suppress(LookalikeError), Store.open(collection) as store:
        say_next("search", collection, "KEY" if store.model is None else "IMAGE")
