"""Merging small parts changes files and nothing else; the plan against its own promises, over any sizes."""

from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.store.changing.writer import writing
from lookalike.store.files.content import SegmentEntry
from lookalike.store.files.footers import Footer
from lookalike.store.upkeep import compact as compaction
from lookalike.store.upkeep.compact import compact
from lookalike.store.upkeep.merge import merge_small, plan
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store
from lookalike.store.version.tables import live_table

MODELS = st.sampled_from([None, "a"])


def grouped(sizes, most, models=None):
    """`plan` for parts of these sizes and models."""
    models = models or [None] * len(sizes)
    parts = [SimpleNamespace(rows=size, model=model) for size, model in zip(sizes, models, strict=True)]
    footer = lambda part: Footer(8, part.model, part.rows, pa.schema([]))  # noqa: E731
    return plan(SimpleNamespace(pages=SimpleNamespace(footer=footer)), parts, most)


@given(st.lists(st.tuples(st.integers(1, 40), MODELS), max_size=60), st.integers(1, 60))
def test_a_plan_keeps_its_promises(pieces, most):
    sizes, models = [size for size, _ in pieces], [model for _, model in pieces]
    groups = grouped(sizes, most, models)
    assert [number for group in groups for number in group] == list(range(len(sizes)))
    totals = [sum(sizes[number] for number in group) for group in groups]
    kinds = [{models[number] for number in group} for group in groups]
    assert all(len(kind) == 1 for kind in kinds)
    assert all(len(group) == 1 or total <= most for group, total in zip(groups, totals, strict=True))
    for i in range(len(groups) - 1):
        assert totals[i] > totals[i + 1] or totals[i] + totals[i + 1] > most or kinds[i] != kinds[i + 1]
    assert grouped(totals, most, [kind.pop() for kind in kinds]) == [[number] for number in range(len(groups))]


def test_a_row_is_rewritten_a_few_times_only_however_often_small_parts_come():
    held, written, parts = [], 0, 1000
    for _ in range(parts):
        groups = grouped([*held, 1], 64)
        sizes = [*held, 1]
        held = [sum(sizes[number] for number in group) for group in groups]
        written += sum(size for size, group in zip(held, groups, strict=True) if len(group) > 1)
    assert written <= 6 * parts  # log2(64)
    assert len(held) <= parts / 32 + 6


@pytest.fixture
def many(tmp_path, grow):
    """A collection of thirty parts of three rows, in thirty commits and some deleted rows."""
    with Store.create(tmp_path / "many") as empty, writing(empty) as writer:
        for part in range(30):
            extra = None if part < 25 else pa.table({"colour": ["red"] * 3})
            contents = [f"{part:02d}{i}a" * 16 for i in range(3)]
            grow(writer, [f"{part}-{i}" for i in range(3)], [None, "x", "y"], contents=contents, extra=extra)
            writer.commit()
        writer.delete(np.array([0, 7, 8, *range(30, 36)]))
        return writer.commit()


def held(store):
    """What a version holds, by row, of deleted rows too."""
    rows = np.array([row for number in range(len(store.content.parts)) for row in store.layout.rows_of(number)])
    table = live_table(store).to_pydict()
    return rows.tolist(), store.live(rows).tolist(), store.gather(rows).tolist(), store.keys(rows), table


@pytest.mark.parametrize("most", [7, 50, 65_536])
def test_merging_changes_files_and_nothing_else(many, monkeypatch, most):
    monkeypatch.setattr(compaction, "MOST_ROWS", most)
    with writing(many) as writer:
        writer.set_segments((SegmentEntry("instances/x", 1, "x", "Flat", 0, 90, None, {}, {}),))
        many = writer.commit()
        before = held(many)
        joined = merge_small(writer)
        after = writer.commit()
        assert merge_small(writer) == 0
        assert writer.commit() is after
    assert held(after) == before
    old, new = set(many.content.parts), set(after.content.parts)
    assert joined == len(old - new) > len(new - old) > 0
    kept = ("next_row", "deleted", "deleted_count", "runs", "segments")
    assert all(getattr(after.content, name) == getattr(many.content, name) for name in kept)
    assert all(part.rows <= most and part.row_map is None for part in after.content.parts)
    assert held(many) == before


def test_merged_parts_are_verified_compacted_and_added_to(many, grow):
    with writing(many) as writer:
        merge_small(writer)
        grow(writer, ["staged"])
        merge_small(writer)
        after = writer.commit()
        assert after.find(["staged", "29-2"]).tolist() == [90, 89]
        assert [problem for _, problem in verify(after.path) if problem] == []
        before = live_table(after).to_pydict()
        compact(writer)
        assert merge_small(writer) == 0
        assert live_table(writer.commit()).to_pydict() == before


def test_parts_with_row_maps_are_merged_too(many, monkeypatch):
    with writing(many) as writer:
        monkeypatch.setattr(compaction, "MOST_ROWS", 4)
        compact(writer)
        before = held(writer.commit())
        monkeypatch.setattr(compaction, "MOST_ROWS", 65_536)
        assert merge_small(writer) > 0
        after = writer.commit()
    assert held(after) == before
    assert after.content.parts[0].row_map is not None
    assert [problem for _, problem in verify(after.path) if problem] == []
