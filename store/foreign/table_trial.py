"""Parquet and Arrow files of strangers are read completely in a child process before this process reads them.

Their pages are compressed, so that a small file can request any amount of memory, and their headers may be wrong. So a
file that this user's lookalike has neither written nor tried before is first read and validated in a child (see
limited.py). Files that pass are remembered by their SHA-256, beside the cache of checked files. The readers check the
content of the tables.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ..disk.checked import note, noted
from ..errors import Damaged, one_line
from ..files.run_check import check_run
from ..work.limited import come_through

SECONDS, BYTES_A_SECOND = 60, 8 << 20  # how long a file may take
_MARK = "table-1"
MEMORY = 2 << 30  # address space beyond 8 times the file; Python and Arrow take some 600 MB of it


class Table(NamedTuple):
    """A file whose hash is right."""

    path: Path
    sha256: str


def ensure_readable(tables: Sequence[Table]) -> None:
    """Raise Damaged for the first file that a child process could not read; remember the others."""
    new = [table for table in tables if not noted(table.sha256, _MARK)]
    if not new:
        return
    done, problem = _tried(new)
    for table in new[:done]:
        note_readable(table.sha256)
    if problem is not None:
        raise Damaged(f"{new[done].path} is not a table that can be read: {problem}")


def note_readable(sha256: str) -> None:
    """Remember that a file was tried, or that we wrote it."""
    note(sha256, _MARK)


def _tried(tables: Sequence[Table]) -> tuple[int, str | None]:
    """How many files a child read without a problem, one after the other, and the problem of the next."""
    sizes = [table.path.stat().st_size for table in tables]
    seconds = SECONDS * len(tables) + sum(sizes) // BYTES_A_SECOND
    arguments = [[str(table.path)] for table in tables]
    return come_through(f"{__name__}:problem", arguments, MEMORY + 8 * max(sizes), seconds)


def problem(path: str) -> str | None:
    """The problem of a table, in one line; None if there is none. May crash the process."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    try:
        if path.endswith(".arrow"):
            _read_run(Path(path))
        else:
            pq.read_table(path, partitioning=None, use_threads=False, pre_buffer=False).validate(full=True)
    except MemoryError:
        return "it asks for more memory than its size allows"
    except Exception as error:  # whatever the bytes make Arrow do
        return one_line(error).replace(path, "the file")[:300]
    return None


def _read_run(path: Path) -> None:
    reader: Any = pa.ipc.open_file(pa.memory_map(str(path)))
    check_run(path, reader.get_batch(0), int(reader.schema.metadata[b"contents"]))
