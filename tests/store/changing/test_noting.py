"""Other sizes and mtimes for rows whose files kept their bytes: noted where they are looked up, and nowhere else."""

import numpy as np
import pytest

from lookalike.store.changing import noting
from lookalike.store.changing.writer import writing
from lookalike.store.errors import Damaged
from lookalike.store.files.parts import read_part
from lookalike.store.upkeep.compact import compact
from lookalike.store.upkeep.housekeeping import gc, rollback
from lookalike.store.upkeep.merge import merge_small
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store
from lookalike.store.version.tables import live_table

SIZES = (24, 12, 6, 3)


@pytest.fixture
def runs(tmp_path, grow):
    """A collection of four runs of 24, 12, 6 and 3 rows, with row 2 deleted; sizes are places in the part."""
    with Store.create(tmp_path / "runs") as empty, writing(empty) as writer:
        for part, size in enumerate(SIZES):
            grow(writer, [f"{part}-{i}" for i in range(size)])
            writer.commit()
        writer.delete(np.array([2]))
        store = writer.commit()
        assert [run.rows for run in store.content.runs] == list(SIZES)
        return store


def files(store):
    """Size and mtime of each live row's file, -1 where unknown, as the lookups say and as tables do."""
    rows = store.live_rows()
    facts = store.facts(rows)
    table = live_table(store, ["file_size", "file_mtime_ns"])
    said = [[-1 if value is None else value for value in table[name].to_pylist()] for name in table.column_names[1:]]
    assert said == [facts.file_size.tolist(), facts.mtime_ns.tolist()]
    assert table.equals(live_table(store).select(table.column_names))
    return dict(zip(rows.tolist(), zip(*said, strict=True), strict=True))


def touch(writer, rows):
    """Note for each of `rows` the size 100 + row and the mtime 1000 + row; what files then are."""
    rows = np.array(rows, dtype=np.int64)
    noted = writer.note_files(rows, rows + 100, rows + 1000)
    return {row: (row + 100, row + 1000) for row in rows[noted].tolist()}


def test_rows_of_several_runs_are_noted_in_any_order(runs):
    before, names = files(runs), runs.keys(runs.live_rows())
    with writing(runs) as writer:
        expected = before | touch(writer, [43, 0, 30, 5])
        after = writer.commit()
    assert len(set(expected.items()) - set(before.items())) == 4
    assert files(after) == expected and files(runs) == before
    assert after.keys(after.live_rows()) == names and after.find(names).tolist() == after.live_rows().tolist()
    kept = [old == new for old, new in zip(runs.content.runs, after.content.runs, strict=True)]
    assert kept == [False, False, True, False] and after.content.parts == runs.content.parts
    assert not [problem for _, problem in verify(after.path) if problem]


def test_noting_twice_before_a_commit_keeps_both(runs, grow):
    with writing(runs) as writer:
        expected = files(runs) | touch(writer, [0, 43]) | touch(writer, [1, 44])
        grow(writer, ["new"])  # joined with the last run
        after = writer.commit()
    assert files(after) == expected | {45: (0, -1)}


def test_noting_nothing_makes_no_version(runs):
    with writing(runs) as writer:
        assert touch(writer, []) == {}
        assert not writer.staged


def test_compaction_takes_over_what_was_noted_and_more_can_be_noted_after(runs):
    with writing(runs) as writer:
        expected = files(runs) | touch(writer, [0, 30])
        writer.commit()
        compact(writer)
        once = writer.commit()
        assert files(once) == expected and len(once.content.runs) == 1
        stored = read_part(once.file(once.content.parts[0]), ["file_size"])["file_size"].to_pylist()
        assert stored == [size for size, _ in expected.values()]
        expected |= touch(writer, [3, 30, 44])
        assert files(writer.commit()) == expected
    assert not [problem for _, problem in verify(runs.path) if problem]


def test_merging_parts_changes_nothing_of_it(runs, grow):
    with writing(runs) as writer:
        expected = files(runs) | touch(writer, [0, 30, 44])
        grow(writer, [f"new{i}" for i in range(24)])
        before = files(writer.commit())
        assert before == expected | {45 + i: (i, -1) for i in range(24)}
        assert merge_small(writer) == 5
        assert files(writer.commit()) == before


def test_rolling_back_forgets_it_and_can_bring_it_back(runs):
    before = files(runs)
    with writing(runs) as writer:
        expected = before | touch(writer, [0, 43])
        noted = writer.commit().version
    with rollback(runs.path, runs.version) as back:
        assert files(back) == before
    with rollback(runs.path, noted) as again:
        assert files(again) == expected
    runs.close()
    gc(runs.path)
    with Store.open(runs.path) as newest:
        assert files(newest) == expected


@pytest.mark.parametrize("rows, written", [([0, 1], False), ([0, 1, 3], True), ([0, 1, 30], False)])
def test_a_large_run_is_written_anew_for_a_tenth_of_its_rows(runs, monkeypatch, rows, written):
    """The run of 24 rows is too large to be written anew for two of them; others are written for any."""
    monkeypatch.setattr(noting, "LARGEST_MERGE", 23)
    with writing(runs) as writer:
        noted = writer.note_files(np.array(rows), *np.array([rows, rows]))
        assert noted.tolist() == [written or row >= 24 for row in rows]
        assert (writer.content.runs[0] != runs.content.runs[0]) == written


def test_a_damaged_run_is_not_passed_over(runs):
    path = runs.path / runs.content.runs[0].file
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with writing(runs) as writer, pytest.raises(Damaged):
        touch(writer, [0])
