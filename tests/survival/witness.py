"""A witness of commits: in the process that writes, notes in a file what each commit acknowledged.

It counts what callers hand to `Writer.add_part` and `Writer.delete`, and never asks the collection back. A note that a
kill cut off has no end of line, and does not count.
"""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lookalike.store.changing.writer import Writer


def watch(file: Path, after: Callable[[int], Any] = lambda version: None) -> None:
    """From now on, append a line to `file` for each commit of this process; `after` is called with its version."""
    notes = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC)
    add_part, delete, commit = Writer.add_part, Writer.delete, Writer.commit
    staged: dict[str, Any] = {"added": {}, "deleted": []}

    def watched_add(self: Writer, part: Any, table: Any) -> int:
        first = add_part(self, part, table)
        staged["added"].update({key: first + i for i, key in enumerate(table.column("key").to_pylist())})
        return first

    def watched_delete(self: Writer, rows: Any) -> None:
        delete(self, rows)
        staged["deleted"] += [int(row) for row in rows]

    def watched_commit(self: Writer) -> Any:
        done = commit(self)
        os.write(notes, (json.dumps({"version": done.version, **staged}) + "\n").encode())
        staged.update(added={}, deleted=[])
        after(done.version)
        return done

    Writer.add_part, Writer.delete, Writer.commit = watched_add, watched_delete, watched_commit  # type: ignore


def read(file: Path) -> list[dict[str, Any]]:
    """What was acknowledged, oldest first: version, added (key to row), deleted (rows)."""
    if not file.exists():
        return []
    return [json.loads(line) for line in file.read_text().split("\n")[:-1]]


def rows_after(rows: dict[str, int], notes: list[dict[str, Any]]) -> dict[str, int]:
    """Keys and rows that must be there after these commits, where `rows` were before."""
    for note in notes:
        gone = set(note["deleted"])
        rows = {key: row for key, row in (rows | note["added"]).items() if row not in gone}
    return rows
