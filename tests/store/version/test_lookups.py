"""Lookups against dicts, over any sequence of commits, deletions and merges; also where most hashes collide."""

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.store.errors import LookalikeError
from lookalike.store.files import runs
from lookalike.store.files.parts import Rows, lookup_columns
from lookalike.store.files.runs import RunTable, due, merge_runs, noted_run, write_run
from lookalike.store.version import lookups
from lookalike.store.version.lookups import Lookups

KEYS = st.sampled_from(["a", "b", "c", "d", "e\udcff", "%uDCFF", "f\n", "ünï"])
LABELS = st.sampled_from([None, "shoe", "hat", "b\udc80g"])
CONTENTS = st.sampled_from([None, *(hashlib.sha256(bytes([i])).hexdigest() for i in range(5))])
COMMIT = st.lists(st.tuples(KEYS, LABELS, CONTENTS), min_size=1, max_size=6, unique_by=lambda row: row[0])
COMMITS = st.lists(st.tuples(COMMIT, st.integers(0, 3)), max_size=8)


class Model:
    """The oracle: every row ever added as (key, label, content, size, mtime), and which live."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows, self.live, self.entries = folder, {}, set(), []
        self.next_row = 0

    def commit(self, added, hole: int) -> None:
        """Add rows (a key that lives is replaced), leaving `hole` row numbers unused, and merge what is due."""
        self.next_row += hole
        keys = [key for key, _, _ in added]
        self.live -= {row for row in self.live if self.rows[row][0] in keys}
        numbers = list(range(self.next_row, self.next_row + len(added)))
        for row, (key, label, content) in zip(numbers, added, strict=True):
            self.rows[row] = (key, label, content, row * 10, -1)
        self.live |= set(numbers)
        self.next_row += len(added)
        self.entries.append(self._write(numbers))
        if count := due(self.entries):
            merged = merge_runs(self.folder, [self.folder / entry.file for entry in self.entries[-count:]])
            self.entries[-count:] = [merged]

    def _write(self, numbers):
        keys, labels, contents, sizes, _ = map(list, zip(*(self.rows[row] for row in numbers), strict=True))
        none = [None] * len(keys)
        vectors = np.ones((len(keys), 1), dtype=np.float32)
        table = lookup_columns(Rows(keys, vectors, labels, contents, none, none, "src\udcfe", sizes, none))
        return write_run(self.folder, np.array(numbers, dtype=np.int64), table)

    def lookups(self) -> Lookups:
        live = np.array(sorted(self.live), dtype=np.int64)
        load = lambda entry: RunTable(self.folder / entry.file)  # noqa: E731
        return Lookups(self.entries, load, lambda rows: np.isin(rows, live))

    def touch(self, rows) -> None:
        """Note other files for these rows, in the runs that have them."""
        for at, entry in enumerate(self.entries):
            mine = np.array([row for row in rows if entry.first_row <= row <= entry.last_row], dtype=np.int64)
            if len(mine):
                self.entries[at] = noted_run(self.folder, self.folder / entry.file, mine, mine * 20 + 1, mine + 7)
        for row in rows:
            self.rows[row] = (*self.rows[row][:3], row * 20 + 1, row + 7)


def check(model: Model) -> None:
    """Everything the lookups answer, against the model."""
    found = model.lookups()
    where = {model.rows[row][0]: row for row in model.live}
    asked = ["a", "e\udcff", "%uDCFF", "b", "nobody", "", "f\n", "a", "ünï", "c", "d"]
    assert found.find(asked).tolist() == [where.get(key, -1) for key in asked]
    contents = [hashlib.sha256(bytes([i])).hexdigest() for i in range(6)]
    newest = [max((r for r in model.live if model.rows[r][2] == content), default=-1) for content in contents]
    assert found.find_contents(contents).tolist() == newest
    rows = sorted(model.rows)[::-1] * 2
    at = np.array(rows, dtype=np.int64)
    assert found.keys(at) == [model.rows[row][0] for row in rows]
    assert found.labels(at) == [model.rows[row][1] for row in rows]
    facts = found.facts(at)
    assert facts.content == [model.rows[row][2] for row in rows]
    assert facts.source == ["src\udcfe"] * len(rows)
    assert facts.file_size.tolist() == [model.rows[row][3] for row in rows]
    assert facts.mtime_ns.tolist() == [model.rows[row][4] for row in rows]
    assert (facts.width == -1).all() and (facts.height == -1).all()
    classes = sorted({model.rows[row][1] for row in model.live} - {None})
    assert found.classes == classes
    named = {row: names[code] for names, codes, rows in found.sources() for row, code in zip(rows, codes, strict=True)}
    assert all(named[row] == "src\udcfe" for row in model.live)
    codes = {label: code for code, label in enumerate(classes)}
    asked_rows = np.array([-1, *rows, model.next_row + 5])
    assert found.codes(asked_rows).tolist() == [-1, *(codes.get(model.rows[row][1], -1) for row in rows), -1]


@given(COMMITS)
@settings(deadline=None, max_examples=25)
def test_lookups_equal_dicts(commits):
    with tempfile.TemporaryDirectory() as folder:
        model = Model(Path(folder))
        for added, hole in commits:
            model.commit(added, hole)
        check(model)


@given(COMMITS, st.data())
@settings(deadline=None, max_examples=15)
def test_noting_other_files_changes_nothing_else(commits, data):
    with tempfile.TemporaryDirectory() as folder:
        model = Model(Path(folder))
        for added, hole in commits:
            model.commit(added, hole)
            model.touch(data.draw(st.lists(st.sampled_from(sorted(model.rows)), unique=True, max_size=4)))
        check(model)


@given(COMMITS)
@settings(deadline=None, max_examples=15)
def test_colliding_hashes_are_told_apart(commits):
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        whole_keys, whole_contents = runs.key_hashes, runs.content_hashes
        for module in (runs, lookups):
            patch.setattr(module, "key_hashes", lambda keys: whole_keys(keys) & np.uint64(3))
            patch.setattr(module, "content_hashes", lambda digests: whole_contents(digests) & np.uint64(3))
        model = Model(Path(folder))
        for added, hole in commits:
            model.commit(added, hole)
        check(model)


def test_a_missing_row_is_named(tmp_path):
    model = Model(tmp_path)
    model.commit([("a", None, None)], hole=3)
    for row in (-1, 0, 4):
        with pytest.raises(LookalikeError, match=f"row {row} does not exist"):
            model.lookups().keys(np.array([3, row]))


def test_no_runs_answer_nothing():
    empty = Lookups([], RunTable, lambda rows: rows >= 0)
    assert empty.find(["a"]).tolist() == [-1]
    assert empty.find([]).tolist() == []
    assert empty.keys(np.array([], dtype=np.int64)) == []
    assert empty.classes == []
    assert empty.codes(np.array([0, -1])).tolist() == [-1, -1]


def test_a_run_is_mapped_and_not_read(tmp_path, part_rows):
    n = 20_000
    entry = write_run(tmp_path, np.arange(n), lookup_columns(part_rows([f"key {i}" for i in range(n)])))
    before = pa.total_allocated_bytes()
    found = Lookups([entry], lambda entry: RunTable(tmp_path / entry.file), lambda rows: rows >= 0)
    assert found.find(["key 777", "no"]).tolist() == [777, -1]
    assert found.keys(np.array([19_999])) == ["key 19999"]
    assert pa.total_allocated_bytes() - before < 10_000
