"""How sources were embedded: noted once for each prefix, and known after whatever becomes of the collection."""

import json

import numpy as np
import pytest

from lookalike.store.changing.moving import move
from lookalike.store.changing.writer import writing
from lookalike.store.codec import from_plain
from lookalike.store.files.content import Content, SourceUse
from lookalike.store.files.manifest import manifest_path
from lookalike.store.upkeep.compact import compact
from lookalike.store.upkeep.housekeeping import rollback
from lookalike.store.version.store import Store

FRONT = SourceUse("/d/t.parquet", "", "front", None)


@pytest.fixture
def shop(tmp_path, grow):
    with Store.create(tmp_path / "shop") as store, writing(store) as writer:
        grow(writer, "abc", source=FRONT.source)
        writer.note_use(FRONT)
        writer.commit()
    return tmp_path / "shop"


def uses(shop):
    with Store.open(shop) as store:
        return store.content.uses


def noted(shop, *more):
    with Store.open(shop) as store, writing(store) as writer:
        for use in more:
            writer.note_use(use)
        return writer.commit().version


def test_what_is_noted_again_makes_no_version(shop):
    assert uses(shop) == (FRONT,) and noted(shop, FRONT) == 2


def test_each_prefix_has_its_own_columns_and_the_last_ones_count(shop):
    back = SourceUse(FRONT.source, "back/", "back", "kind")
    noted(shop, back)
    assert set(uses(shop)) == {FRONT, back}
    side = SourceUse(FRONT.source, "", "side", None)
    noted(shop, side)
    assert set(uses(shop)) == {side, back}
    noted(shop, SourceUse(FRONT.source, "", None, None))  # the usual columns, which need no note
    assert uses(shop) == (back,)
    assert noted(shop, SourceUse("/d/photos", "", None, None)) == 5  # the version of the last change


def test_uses_outlive_compaction_and_go_back_with_a_rollback(shop):
    with Store.open(shop) as store, writing(store) as writer:
        writer.delete(np.array([1]))
        writer.commit()
        compact(writer)
        writer.commit()
    assert uses(shop) == (FRONT,)
    before = Store.open(shop).version
    noted(shop, SourceUse(FRONT.source, "p/", None, None))
    rollback(shop, before)
    assert uses(shop) == (FRONT,)


def test_a_moved_source_is_used_as_before(tmp_path, shop):
    new = tmp_path / "t.parquet"
    new.touch()
    other = SourceUse("/d/u.parquet", "", "x", None)
    noted(shop, other, SourceUse(str(new), "", "stale", None))  # of rows that are removed long since
    move(shop, FRONT.source, new)
    assert set(uses(shop)) == {SourceUse(str(new), "", "front", None), other}


def test_a_manifest_without_uses_is_one_of_before(shop):
    content = json.loads(manifest_path(shop, 2).read_bytes())["content"]
    assert content.pop("uses") and from_plain(Content, content, "here").uses == ()
