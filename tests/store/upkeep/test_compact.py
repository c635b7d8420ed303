import numpy as np
import pytest

from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeError
from lookalike.store.files.content import FileEntry, PrototypeEntry, SegmentEntry
from lookalike.store.upkeep import compact as module
from lookalike.store.upkeep.compact import Piece, compact, plan
from lookalike.store.version.store import Store


def held(store):
    """What a version holds, by row: key, label, source and vector."""
    rows = store.live_rows()
    facts = store.facts(rows)
    columns = (store.keys(rows), store.labels(rows), facts.source, facts.content, store.gather(rows).tolist())
    return dict(zip(rows.tolist(), zip(*columns, strict=True), strict=True))


@pytest.fixture
def holes(tmp_path, grow):
    """A collection of eight parts of ten rows, three of them with holes, and one without a live row."""
    with Store.create(tmp_path / "holes") as empty, writing(empty) as writer:
        for part in range(8):
            names, contents = [f"{part}-{i}" for i in range(10)], [f"{part}{i}ab" * 16 for i in range(10)]
            grow(writer, names, [None, *"xyxyxyxyx"], contents=contents, source=f"s{part % 2}")
            writer.commit()
        writer.delete(np.array([3, 4, 19, *range(40, 50), 70]))
        return writer.commit()


@pytest.mark.parametrize("pieces, most, groups", [
    ([], 10, []),
    ([(5, 5), (5, 5), (5, 5)], 10, [[0, 1], [2]]),
    ([(12, 12), (5, 5)], 10, [[0], [1]]),
    ([(12, 4), (5, 5), (9, 1)], 10, [[0, 1, 2]]),
    ([(5, 5, "a"), (5, 5, "b"), (2, 2, "b")], 10, [[0], [1, 2]]),
    ([(5, 0), (10, 10), (5, 0)], 10, [[1]]),
])  # fmt: skip
def test_plan_joins_neighbours_of_one_model(pieces, most, groups):
    assert plan([Piece(*piece) for piece in pieces], most) == groups


@pytest.mark.parametrize("most", [1, 7, 25, 1000])
def test_compaction_changes_files_and_nothing_else(holes, monkeypatch, most):
    monkeypatch.setattr(module, "MOST_ROWS", most)
    monkeypatch.setattr(module, "MOST_RUN_ROWS", most)
    before = held(holes)
    with writing(holes) as writer:
        compact(writer)
        after = writer.commit()
    assert held(after) == before
    assert after.find([key for key, *_ in before.values()]).tolist() == list(before)
    assert after.find_contents([content for *_, content, _ in before.values()]).tolist() == list(before)
    assert (after.rows, after.next_row, after.deleted_count) == (len(before), 80, 0)
    assert all(part.rows <= max(most, 10) for part in after.content.parts)
    assert sum(part.rows for part in after.content.parts) == len(before)
    assert after.live(np.array([3, 4, 40, 70])).tolist() == [False] * 4
    assert after.deleted.rows().tolist() == [3, 4, 19, *range(40, 50), 70]
    for row in (3, 45, 70):
        with pytest.raises(LookalikeError, match="does not exist"):
            after.gather(np.array([row]))
    assert held(holes) == before
    if most == 1000:
        assert len(after.content.parts) == len(after.content.runs) == 1


def test_compacting_twice_changes_nothing(holes):
    with writing(holes) as writer:
        compact(writer)
        once = writer.commit()
        compact(writer)
        assert writer.commit() is once


def test_a_compacted_collection_grows_and_shrinks_on(holes, grow):
    with writing(holes) as writer:
        compact(writer)
        writer.commit()
        before = held(writer.base)
        grow(writer, ["new"])
        writer.delete(np.array([5]))
        after = held(writer.commit())
        compact(writer)
        assert held(writer.commit()) == after
    assert set(after) == (set(before) - {5}) | {80}


def test_a_large_part_without_holes_is_left_alone(holes, monkeypatch):
    monkeypatch.setattr(module, "MOST_ROWS", 10)
    with writing(holes) as writer:
        compact(writer)
        after = writer.commit()
    kept = {part.first_row for part in holes.content.parts} & {part.first_row for part in after.content.parts}
    unchanged = {part.first_row for part in holes.content.parts if part in after.content.parts}
    assert kept == {0, 10, 20, 30, 50, 60}
    assert unchanged == {20, 30, 50, 60}


def test_a_collection_without_a_live_row_keeps_no_file_but_the_bitmap(holes, grow):
    with writing(holes) as writer:
        writer.delete(writer.base.live_rows())
        writer.set_segments((SegmentEntry("instances/x", 1, "x", "Flat", 0, 80, None, {}, {}),))
        writer.commit()
        compact(writer)
        after = writer.commit()
        assert [entry.file.split("/")[0] for entry in after.manifest.files()] == ["deleted"]
        assert (after.rows, after.live_rows().tolist(), after.next_row) == (0, [], 80)
        grow(writer, ["again"], d=16)
        assert writer.commit().find(["again"]).tolist() == [80]


def test_prototypes_go_only_when_rows_go_that_they_count(holes, grow):
    files = FileEntry("prototypes/t", 1, "x"), FileEntry("prototypes/i", 1, "x")
    folded = PrototypeEntry(*files, "Flat", holes.next_row, holes.content.deleted, 2)
    with writing(holes) as writer:
        writer.set_prototypes(folded)
        grow(writer, ["later"])
        writer.commit()
        writer.delete(np.array([80]))
        writer.commit()
        compact(writer)
        assert writer.commit().content.prototypes == folded
        writer.delete(np.array([0]))
        writer.commit()
        compact(writer)
        assert writer.commit().content.prototypes is None


def test_staged_changes_are_committed_first(holes, grow):
    for stage in (lambda w: grow(w, ["new"]), lambda w: w.delete(np.array([0])), lambda w: w.set_index({})):
        with writing(holes) as writer:
            stage(writer)
            with pytest.raises(LookalikeError, match="changes staged"):
                compact(writer)
