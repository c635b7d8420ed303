"""Row maps: ids to rows and back to masks, and what is no row map."""

from dataclasses import replace

import numpy as np
import pytest

from lookalike.indexer.segments.rowmaps import RowMap
from lookalike.store.disk.publish import publish
from lookalike.store.errors import Damaged
from lookalike.store.files.content import FileEntry, SegmentEntry


def segment(folder, rows, n):
    """An entry of a segment of `n` rows whose row map holds `rows`."""
    (folder / "instances").mkdir(exist_ok=True)
    name = f"instances/{len(list(folder.glob('instances/*')))}.rows.npy"
    entry = FileEntry(name, *publish(folder / name, lambda file: np.save(file, rows, allow_pickle=False)))
    return SegmentEntry("one.faiss", 1, "", "Flat", int(rows[0]), n, entry, {}, {})


def test_ids_are_rows(shop):
    store = shop(np.eye(8, dtype=np.float32)).remove([3]).open()
    rows = np.array([1, 2, 3, 6], dtype=np.int64)
    mapped = RowMap.of(store, segment(store.path, rows, 4))
    plain = RowMap.of(store, replace(segment(store.path, rows, 4), row_map=None))
    ids = np.array([[0, 3, -1]])
    assert mapped.rows(ids).tolist() == [[1, 6, -1]] and plain.rows(ids).tolist() == [[1, 4, -1]]
    assert (mapped.stop, plain.stop) == (7, 5)
    by_row = np.arange(8) % 2 == 0
    assert mapped.pick(by_row).tolist() == [False, True, False, True]
    assert plain.pick(by_row).tolist() == [False, True, False, True]
    assert mapped.live(store).tolist() == [True, True, False, True]
    assert RowMap.from_rows(rows).map is not None and RowMap.from_rows(rows[:3]).map is None


@pytest.mark.parametrize("rows", [[1, 3, 2, 6], [1, 2, 2, 6], [1, 2, 6]])
def test_what_is_no_row_map_is_refused(shop, rows):
    store = shop(np.eye(8, dtype=np.float32)).open()
    with pytest.raises(Damaged):
        RowMap.of(store, segment(store.path, np.array(rows, dtype=np.int64), 4))
