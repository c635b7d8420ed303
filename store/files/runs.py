"""Runs: the immutable, memory-mapped tables that the lookups use.

Every commit adds one: an Arrow file of the new rows, ascending by row (rows may be missing in between), together with
the 64-bit hashes of keys and of contents, sorted, each with its position. A hash only gives candidates: the key, or the
whole SHA-256, decides. Runs cover disjoint row ranges, in order.
"""

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ..errors import Damaged
from ..foreign.table_trial import note_readable
from ..work.forks import cached_property
from .content import RunEntry
from .new_files import publish_new
from .run_check import check_run

FOLDER = "lookups"
COLUMNS = ("key", "label", "content_sha256", "source", "file_size", "file_mtime_ns", "width", "height")
"""What a writer knows of the rows it adds: the columns of `parts.lookup_columns`."""
NUMBERS = ("file_size", "file_mtime_ns", "width", "height")
TEXTS = ("label", "source")
LARGEST_MERGE = 1 << 18  # rows: the most that one commit may have to rewrite, however large the collection

_Int64 = NDArray[np.int64]
_Found = tuple[_Int64, _Int64]


def key_hashes(stored: Sequence[str]) -> NDArray[np.uint64]:
    """64-bit hashes of keys in their stored form, (n,) uint64."""
    digest = hashlib.blake2b
    joined = b"".join([digest(key.encode(), digest_size=8).digest() for key in stored])
    return np.frombuffer(joined, dtype=np.uint64)


def content_hashes(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """64-bit hashes of contents, from their SHA-256: (n, 32) uint8 to (n,) uint64."""
    return np.ascontiguousarray(digests[:, :8]).view(np.uint64)[:, 0]


def digest_bytes(hexes: Sequence[str | None]) -> NDArray[np.uint8]:
    """SHA-256 digests in hex as (n, 32) uint8; None is all zeros."""
    joined = bytes.fromhex("".join("0" * 64 if text is None else text for text in hexes))
    return np.frombuffer(joined, dtype=np.uint8).reshape(len(hexes), 32)


def due(runs: Sequence[RunEntry]) -> int:
    """How many of the newest runs to join into one (0: none), so that each run is larger than all newer ones together.

    The run of a row at least doubles whenever it is rewritten. So a row is rewritten O(log n) times at most, and a
    lookup visits O(log n) runs, as in a log-structured merge tree (O'Neil et al. 1996). No merge exceeds LARGEST_MERGE
    rows.
    """
    count, rows = 0, 0
    for run in reversed(runs):
        if count and (run.rows > rows or run.rows + rows > LARGEST_MERGE):
            break
        count, rows = count + 1, rows + run.rows
    return count if count > 1 else 0


def write_run(folder: Path, rows: _Int64, table: Any) -> RunEntry:
    """Publish a run of `rows`, (n,) ascending, n > 0, with `table` of n rows in COLUMNS."""
    column = {name: table.column(name).combine_chunks() for name in COLUMNS}
    digests = digest_bytes(column["content_sha256"].to_pylist())
    columns = {
        "row": np.asarray(rows, dtype=np.int64),
        "key": column["key"],
        "label": column["label"].dictionary_encode(),
        "source": column["source"].dictionary_encode(),
        **{name: column[name].fill_null(-1) for name in NUMBERS},
    }
    return _publish_run(folder, columns, digests, key_hashes(column["key"].to_pylist()))


def merge_runs(
    folder: Path, paths: Sequence[Path], keep: Callable[[_Int64], NDArray[np.bool_]] | None = None
) -> RunEntry | None:
    """Publish one run with all rows of the runs at `paths`, which are adjacent and in order.

    keep: takes rows (n,) int64 and returns which to keep, (n,) bool; by default all. Returns None where no row is left.
    """
    runs = [RunTable(path) for path in paths]
    rows = np.concatenate([run.rows for run in runs])
    at = np.arange(len(rows)) if keep is None else np.flatnonzero(keep(rows))
    if len(at) == 0:
        return None
    columns: dict[str, Any] = {"row": rows[at]}
    for name in ("key", *NUMBERS):
        columns[name] = pa.concat_arrays([run.batch.column(name) for run in runs]).take(pa.array(at))
    for name in TEXTS:
        decoded = [run.batch.column(name).dictionary_decode() for run in runs]
        columns[name] = pa.concat_arrays(decoded).take(pa.array(at)).dictionary_encode()
    digests = np.concatenate([run.digests for run in runs])[at]
    return _publish_run(folder, columns, digests, np.concatenate([run.hashes_by_row() for run in runs])[at])


def noted_run(folder: Path, path: Path, rows: _Int64, sizes: _Int64, mtimes_ns: _Int64) -> RunEntry:
    """Publish the run at `path` again, with these file sizes (bytes) and mtimes (ns) for `rows`, all (m,) int64.

    Raises ValueError for a row that it does not have.
    """
    run = RunTable(path)
    columns: dict[str, Any] = {name: run.batch.column(name) for name in ("key", *TEXTS, *NUMBERS)}
    at = run.positions(rows)
    if (at < 0).any():
        raise ValueError(f"row {rows[at < 0][0]} is not in {path}")
    for name, values in (("file_size", sizes), ("file_mtime_ns", mtimes_ns)):
        columns[name] = columns[name].to_numpy(zero_copy_only=False).copy()
        columns[name][at] = values
    return _publish_run(folder, {"row": run.rows, **columns}, run.digests, run.hashes_by_row())


def _publish_run(
    folder: Path, columns: dict[str, Any], digests: NDArray[np.uint8], hashes: NDArray[np.uint64]
) -> RunEntry:
    """Sort the hashes and write the file."""
    rows = columns["row"]
    if len(rows) == 0 or (np.diff(rows) <= 0).any():
        raise ValueError("a run needs rows, each larger than the one before")
    order = np.argsort(hashes, kind="stable")
    with_content = np.flatnonzero(digests.any(axis=1))
    contents = content_hashes(digests)[with_content]
    content_order = np.argsort(contents, kind="stable")
    columns |= {
        "content": pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), len(rows), [None, pa.py_buffer(digests)]),
        "key_hash": hashes[order],
        "key_at": order.astype(np.int32),
        "content_hash": _padded(contents[content_order], len(rows), np.uint64),
        "content_at": _padded(with_content[content_order], len(rows), np.int32),
    }
    arrays = [pa.array(column) if isinstance(column, np.ndarray) else column for column in columns.values()]
    batch = pa.RecordBatch.from_arrays(arrays, names=list(columns))
    file = publish_new(folder, FOLDER, ".arrow", lambda stream: _write_batch(stream, batch, len(contents)))
    note_readable(file.sha256)
    first, last = int(rows[0]), int(rows[-1])
    return RunEntry(file.file, file.size, file.sha256, first_row=first, last_row=last, rows=len(rows))


def _write_batch(file: Any, batch: Any, contents: int) -> None:
    schema = batch.schema.with_metadata({b"contents": str(contents)})
    with pa.PythonFile(file, mode="w") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)


def _padded(values: NDArray[Any], length: int, dtype: Any) -> NDArray[Any]:
    """`values` followed by zeros: all columns of a run have one length."""
    padded = np.zeros(length, dtype=dtype)
    padded[: len(values)] = values
    return padded


class RunTable:
    """One run, memory-mapped and read-only.

    checked: whether the file passed `check_run` before. batch: its Arrow columns. rows: (n,) int64, ascending. digests:
    (n, 32) uint8, zeros where there is no content.
    """

    def __init__(self, path: Path, checked: bool = False) -> None:
        try:
            reader = pa.ipc.open_file(pa.memory_map(str(path)))
            self.batch = reader.get_batch(0)
            self._contents = int(reader.schema.metadata[b"contents"])
        except (pa.ArrowException, OSError, MemoryError, KeyError, TypeError, ValueError) as error:
            raise Damaged(f"{path} is not a lookup table: {' '.join(str(error).split())[:200]}") from error
        if not checked:
            check_run(path, self.batch, self._contents)
        self._arrays: dict[str, NDArray[Any]] = {}
        self.rows: _Int64 = self._numbers("row")
        self._dense = int(self.rows[-1]) - int(self.rows[0]) + 1 == len(self.rows)

    def _numbers(self, name: str) -> NDArray[Any]:
        if name not in self._arrays:
            self._arrays[name] = self.batch.column(name).to_numpy(zero_copy_only=True)
        return self._arrays[name]

    @cached_property
    def digests(self) -> NDArray[np.uint8]:
        """(n, 32) uint8 view of the contents."""
        return np.frombuffer(self.batch.column("content").buffers()[1], np.uint8).reshape(len(self.rows), 32)

    def hashes_by_row(self) -> NDArray[np.uint64]:
        """The key hashes in the order of the rows."""
        hashes = np.empty(len(self.rows), dtype=np.uint64)
        hashes[self._numbers("key_at")] = self._numbers("key_hash")
        return hashes

    def positions(self, rows: _Int64) -> _Int64:
        """The positions of `rows` (m,) in this table, (m,) int64; -1 where they are missing."""
        if self._dense:
            at = rows - self.rows[0]
            return np.where((at >= 0) & (at < len(self.rows)), at, -1)
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[at] == rows, at, -1)

    def find_keys(self, hashes: NDArray[np.uint64], stored: Any) -> _Found:
        """Every row whose key is among `stored` (Arrow large_string, with their hashes): (which key, row)."""
        which, at = _nominated(self._numbers("key_hash"), self._numbers("key_at"), hashes)
        if len(at) == 0:
            return which, at
        same = pc.equal(self.batch.column("key").take(pa.array(at)), stored.take(pa.array(which)))
        true = same.to_numpy(zero_copy_only=False)
        return which[true], self.rows[at[true]]

    def find_contents(self, hashes: NDArray[np.uint64], digests: NDArray[np.uint8]) -> _Found:
        """Every row whose content is among `digests` ((m, 32) uint8, with their hashes): (which digest, row)."""
        sorted_hashes = self._numbers("content_hash")[: self._contents]
        which, at = _nominated(sorted_hashes, self._numbers("content_at")[: self._contents], hashes)
        true = (self.digests[at] == digests[which]).all(axis=1)
        return which[true], self.rows[at[true]]


def _nominated(sorted_hashes: NDArray[np.uint64], at: NDArray[np.int32], hashes: NDArray[np.uint64]) -> _Found:
    """All pairs (which of `hashes`, position) with equal hashes."""
    left = np.searchsorted(sorted_hashes, hashes, "left")
    counts = np.searchsorted(sorted_hashes, hashes, "right") - left
    which = np.repeat(np.arange(len(hashes)), counts)
    within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    return which, at[left[which] + within].astype(np.int64)
