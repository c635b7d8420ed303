"""When runs are joined: few of them, and each row rewritten few times."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.store.errors import Damaged
from lookalike.store.files import runs
from lookalike.store.files.content import RunEntry
from lookalike.store.files.parts import lookup_columns
from lookalike.store.files.runs import RunTable, due, merge_runs, write_run


def entry(rows: int) -> RunEntry:
    return RunEntry("lookups/x.arrow", 0, "", 0, 0, rows)


def simulate(sizes: list[int]) -> tuple[list[int], int]:
    """The runs that commits of `sizes` leave, and how many rows were rewritten by merging."""
    held, rewritten = [], 0
    for size in sizes:
        held.append(size)
        if count := due([entry(rows) for rows in held]):
            merged = sum(held[-count:])
            held[-count:] = [merged]
            rewritten += merged
    return held, rewritten


@given(st.lists(st.integers(1, 5000), min_size=1, max_size=300))
def test_runs_stay_few_and_rows_are_rewritten_seldom(sizes):
    held, rewritten = simulate(sizes)
    total = sum(sizes)
    assert sum(held) == total
    assert len(held) <= math.log2(total) + 1
    assert rewritten <= total * (math.log2(total) + 1)


def test_ten_million_rows_make_few_runs_and_small_merges(monkeypatch):
    merges = []
    held: list[int] = []
    for _ in range(2500):
        held.append(4000)
        if count := due([entry(rows) for rows in held]):
            merges.append(sum(held[-count:]))
            held[-count:] = [merges[-1]]
    assert len(held) < 50
    assert max(merges) <= runs.LARGEST_MERGE
    assert sum(merges) < 10_000_000 * 10


def test_one_run_is_never_merged_alone():
    assert due([]) == 0
    assert due([entry(5)]) == 0
    assert due([entry(5), entry(1)]) == 0
    assert due([entry(5), entry(5)]) == 2
    assert due([entry(9), entry(5), entry(5)]) == 3


@pytest.mark.parametrize("numbers", [[], [2, 1], [3, 3]])
def test_rows_out_of_order_are_refused(tmp_path, part_rows, numbers):
    table = lookup_columns(part_rows([str(i) for i in range(len(numbers))]))
    with pytest.raises(ValueError, match="each larger"):
        write_run(tmp_path, np.array(numbers, dtype=np.int64), table)


def test_merging_may_leave_out_rows(tmp_path, part_rows):
    first = write_run(tmp_path, np.arange(2, dtype=np.int64), lookup_columns(part_rows(["a", "b"], ["x", None])))
    second = write_run(tmp_path, np.array([5, 9]), lookup_columns(part_rows(["c", "d"], [None, "y"])))
    paths = [tmp_path / first.file, tmp_path / second.file]
    merged = merge_runs(tmp_path, paths, keep=lambda rows: rows != 5)
    assert (merged.first_row, merged.last_row, merged.rows) == (0, 9, 3)
    table = RunTable(tmp_path / merged.file)
    assert table.rows.tolist() == [0, 1, 9]
    assert table.batch.column("key").to_pylist() == ["a", "b", "d"]
    assert table.batch.column("label").to_pylist() == ["x", None, "y"]
    assert table.positions(np.array([-1, 0, 5, 9, 10])).tolist() == [-1, 0, -1, 2, -1]
    assert merge_runs(tmp_path, paths, keep=lambda rows: rows < 0) is None


@pytest.mark.parametrize("content", [b"", b"ARROW1\0\0", b"other"])
def test_another_file_is_damaged(tmp_path, content):
    (tmp_path / "r.arrow").write_bytes(content)
    with pytest.raises(Damaged, match=r"r\.arrow"):
        RunTable(tmp_path / "r.arrow")
