"""What the commands of every room share: lines on stdout, progress on stderr, names made safe to show.

Only `commands` files import this; click and rich stay out of the library.
"""

import json
import math
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from .errors import LookalikeError
from .progress import Progress
from .shown import shown
from .streams import fitting, lines_of, print_with, write_bytes, write_note, write_result

__all__ = [
    "Piped",
    "bar",
    "check_collection",
    "echo",
    "emit_json",
    "piped",
    "say_next",
    "say_path",
    "shown",
    "undefined_as_null",
]

_MOST_PIPED = 1 << 30
_PIECE = 1 << 20


def echo(text: object = "", err: bool = False) -> None:
    """Print `text` and the end of its line on stdout, or as a note on stderr; all that a terminal would obey escaped.

    A name within a text goes through `shown` before, since the ends of lines stay. Raises LookalikeError where stdout
    cannot be written to.
    """
    print_with(lambda: click.echo(fitting(lines_of(text), err), err=err), err)


class Piped(bytes):
    """What was piped into the command, under the name that people write for it."""

    filename = "-"


def check_collection(command: str, collection: str, *others: str) -> None:
    """LookalikeError where the arguments of a command were mistaken for each other; see `search.mistaken`."""
    context = click.get_current_context(silent=True)
    check = ((context.find_root().obj if context else None) or {}).get("check_collection")
    if check is not None:
        check(command, collection, *others)


def piped() -> Piped:
    """Read standard input to its end, at most 1 GiB; LookalikeError where it is a terminal, empty or longer."""
    if sys.stdin is not None and sys.stdin.isatty():
        raise LookalikeError("'-' reads standard input, which is a terminal: pipe an image into the command")
    pieces, size = [], 0
    while sys.stdin is not None and (piece := sys.stdin.buffer.read(_PIECE)):
        pieces.append(piece)
        size += len(piece)
        if size > _MOST_PIPED:
            raise LookalikeError(f"standard input has more than {_MOST_PIPED} bytes: an image has less")
    if not size:
        raise LookalikeError("'-' reads standard input, which is empty: pipe an image into the command")
    return Piped(b"".join(pieces))


def say_path(path: str) -> None:
    """Write a file's name on stdout as a line: into a pipe with its very bytes, unless it has control characters."""
    is_name = all(c.isprintable() or "\udc80" <= c <= "\udcff" for c in path)
    if is_name and not sys.stdout.isatty():
        write_bytes(os.fsencode(path) + b"\n")
    else:
        write_result(shown(path) + "\n")


def say_next(*words: str) -> None:
    """Name the command that people need after this one, in one dim line on stderr; in capitals, what they have."""
    text = f"next: lookalike {shown(shlex.join(words))}"
    write_note((f"\x1b[2m{text}\x1b[0m" if sys.stderr.isatty() else text) + "\n", counts=False)


def undefined_as_null(value: Any) -> Any:
    """`value` with NaN and infinities replaced by None, at any depth: JSON has neither."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {k: undefined_as_null(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [undefined_as_null(v) for v in value]
    return value


def emit_json(value: dict[str, Any]) -> None:
    """Write one JSON object as one line on stdout."""
    write_result(json.dumps(undefined_as_null(value), allow_nan=False) + "\n")


@contextmanager
def bar(label: str) -> Iterator[Progress]:
    """Give a Progress that draws a bar on stderr when it is a terminal, else a line every ten seconds."""
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
        # The note alone is cut where the line is too short: how far it is, and how long still, matter more.
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
    start: tuple[float, int] | None = None  # when work of a known size began, and how much was done then

    def say(done: int, total: int | None, note: str) -> None:
        nonlocal last, start
        now = time.monotonic()
        if start is None and total is not None:
            start = now, done
        if now - last >= 10:
            last = now
            of = f" of {total}" if total is not None else ""
            left = _left(now - start[0], done - start[1], total - done) if start and total is not None else ""
            write_note(shown(f"{label}: {done}{of}{left}{f' · {note}' if note else ''}") + "\n", counts=False)

    return say


def _left(seconds: float, done: int, to_do: int) -> str:
    """How long the rest takes at the speed until now, in words; nothing where nobody knows."""
    if done <= 0:
        return ""
    rest = seconds * to_do / done
    return f", {rest / 60:.0f} min left" if rest >= 90 else f", {rest:.0f} s left"
