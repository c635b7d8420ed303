"""Moved sources: rows, tables, counts and rejects name the new place, whatever is written anew, until a rollback."""

import os

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.store.changing.ingest import add
from lookalike.store.changing.moving import move
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeError, LookalikeWarning
from lookalike.store.files.content import MovedSource
from lookalike.store.files.escaped import escaped_array, unescaped_list
from lookalike.store.upkeep.compact import compact
from lookalike.store.upkeep.housekeeping import gc, rollback
from lookalike.store.upkeep.merge import merge_small
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.export import export
from lookalike.store.version.moved import renamed, renamed_codes, renamed_column
from lookalike.store.version.rejects import Reject, read_rejects, write_rejects
from lookalike.store.version.sources import rows_of_source, source_counts
from lookalike.store.version.store import Store
from lookalike.store.version.tables import live_table, live_tables


@pytest.fixture
def made(tmp_path, grow):
    """made(path, {source: keys}): the folder of a collection with these rows, and a reject of each source."""

    def make(name, sources):
        with writing(Store.open_or_create(tmp_path / name)) as writer:
            for source, keys in sources.items():
                grow(writer, keys, source=str(source))
                rejects = [Reject(f"{keys[0]} bad", "decode", "truncated")]
                writer.add_rejects(write_rejects(writer.path, str(source), rejects))
                writer.commit()
        return tmp_path / name

    return make


def sources(shop):
    """The source of each key, by the lookups, which tables, counts and rows of sources must agree with."""
    with Store.open(shop) as store:
        rows = store.live_rows()
        of = dict(zip(store.keys(rows), store.facts(rows).source, strict=True))
        table = live_table(store, ["key", "source"])
        assert dict(zip(*(unescaped_list(table.column(name)) for name in ("key", "source")), strict=True)) == of
        names = sorted(set(of.values()))
        assert source_counts(store) == {name: list(of.values()).count(name) for name in names}
        for name in names:
            assert [*store.keys(rows_of_source(store, name))] == [key for key, each in of.items() if each == name]
    assert [problem for _, problem in verify(shop) if problem] == []
    return of


def test_a_moved_source_is_named_by_its_new_place_everywhere(tmp_path, made):
    old, new = tmp_path / "old", tmp_path / "new"
    new.mkdir()
    (new / "a").touch()
    shop = made("shop", {old: "abc", tmp_path / "other": "xy"})
    (moved,) = move(shop, old, new)
    assert (moved.old, moved.new, moved.rows, moved.rejects) == (str(old), str(new), 3, 1)
    after = {**dict.fromkeys("abc", str(new)), **dict.fromkeys("xy", str(tmp_path / "other"))}
    assert sources(shop) == after
    with Store.open(shop) as store:
        assert set(read_rejects(store)["source"].to_pylist()) == set(after.values())
        export(store, tmp_path / "out.parquet")
        assert set(pa.parquet.read_table(tmp_path / "out.parquet")["source"].to_pylist()) == set(after.values())
    rollback(shop)
    assert set(sources(shop).values()) == {str(old), str(tmp_path / "other")}


def test_what_is_written_anew_keeps_the_names_right(tmp_path, made, grow):
    a, b, c = (tmp_path / name for name in "abc")
    c.mkdir()
    shop = made("shop", {a: ["1", "2", "3"], c: ["4", "5"]})
    b.mkdir()
    (b / "1").touch()
    move(shop, a, b)
    # A new source lies where the old one was, and the third one, c, then moves there as well.
    with writing(Store.open(shop)) as writer:
        writer.delete(writer.base.find(["4"]))
        grow(writer, ["6"], source=str(a))
        writer.commit()
        writer.delete(writer.base.find(["6"]))
        writer.commit()
    a.mkdir()
    (a / "5").touch()
    move(shop, c, a)
    expected = {"1": str(b), "2": str(b), "3": str(b), "5": str(a)}
    assert sources(shop) == expected
    for change in (merge_small, compact):
        with writing(Store.open(shop)) as writer:
            writer.delete(writer.base.find(["2"]) if change is compact else np.zeros(0, np.int64))
            writer.commit()
            change(writer)
            writer.commit()
        gc(shop)
        expected = {key: name for key, name in expected.items() if key != "2" or change is merge_small}
        assert sources(shop) == expected


def test_places_may_be_typed_in_any_way(tmp_path, made, monkeypatch):
    real = tmp_path / "disk"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    shop = made("shop", {real / "photos": "ab"})
    (real / "pictures").mkdir()
    (real / "pictures/a").touch()
    monkeypatch.chdir(tmp_path)
    move("shop", "link/photos/", "./disk/../link/pictures/")
    assert set(sources(shop).values()) == {str(real / "pictures")}


def test_a_parent_moves_all_sources_below_it(tmp_path, made):
    shop = made("shop", {tmp_path / "p/one": "ab", tmp_path / "p/two": "cd", tmp_path / "pp": "e"})
    for name in ("q/one", "q/two"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("q/one/a", "q/two/c"):
        (tmp_path / name).touch()
    assert [moved.rows for moved in move(shop, tmp_path / "p", tmp_path / "q")] == [2, 2]
    assert sources(shop) == {
        **dict.fromkeys("ab", str(tmp_path / "q/one")), **dict.fromkeys("cd", str(tmp_path / "q/two")),
        "e": str(tmp_path / "pp"),
    }  # fmt: skip


@pytest.mark.parametrize(("old", "new"), [("p", "p/p"), ("p/p", "p")])
def test_nested_sources_are_not_mixed_up(tmp_path, made, old, new):
    (tmp_path / "p/p/p").mkdir(parents=True)
    below = tmp_path / old
    shop = made("shop", {below: "a", below / "p": "b"})
    for key, folder in (("a", tmp_path / new), ("b", tmp_path / new / "p")):
        folder.mkdir(exist_ok=True)
        (folder / key).touch()
    move(shop, below, tmp_path / new)
    assert sources(shop) == {"a": str(tmp_path / new), "b": str(tmp_path / new / "p")}


def refusal(*arguments):
    with pytest.raises(LookalikeError) as error:
        move(*arguments)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_makes_no_sense_is_refused_and_changes_nothing(tmp_path, made, units):
    shop = made("shop", {tmp_path / "photos": "abc", tmp_path / "second": "x"})
    for name in ("second", "photos", "new"):
        (tmp_path / name).mkdir()
    version = Store.open(shop).version
    said = refusal(shop, tmp_path / "photo", tmp_path / "new")
    assert f"did you mean '{tmp_path}/photos'?" in said and f"'{tmp_path}/second' (1 images)" in said
    assert "does not exist" in refusal(shop, tmp_path / "photos", tmp_path / "nowhere")
    assert "nothing to move" in refusal(shop, tmp_path / "photos", tmp_path / "photos/")
    said = refusal(shop, tmp_path / "photos", tmp_path / "second")
    assert "1 images" in said and "come from there already" in said and "--prune=all" in said
    assert Store.open(shop).version == version
    add(shop, units(1), ["m"])
    assert "no source 'add'" in refusal(shop, "add", tmp_path / "new")


def test_a_folder_without_the_files_is_warned_of(tmp_path, made):
    shop = made("shop", {tmp_path / "photos": ["p/a.jpg", "p/b.jpg"]})
    (tmp_path / "wrong").mkdir()
    with pytest.warns(LookalikeWarning, match="none of the first 2 files"):
        move(shop, tmp_path / "photos", tmp_path / "wrong")
    (tmp_path / "up/wrong").mkdir(parents=True)
    assert f"did you mean '{tmp_path}/up/wrong'?" in refusal(shop, tmp_path / "wrong", tmp_path / "up")
    (tmp_path / "right").mkdir()
    (tmp_path / "right/b.jpg").touch()  # the keys have the prefix "p/"
    move(shop, tmp_path / "wrong", tmp_path / "right")


def test_a_name_that_is_no_text_moves_too(tmp_path, made):
    shop = made("shop", {f"{tmp_path}/\udcff": "a"})
    (tmp_path / "new").mkdir()
    (tmp_path / "new/a").touch()
    move(shop, f"{tmp_path}/\udcff", tmp_path / "new")
    assert set(sources(shop).values()) == {str(tmp_path / "new")}


NAMES = st.sampled_from(["a", "b", "c", "%\udcff"])
MOVES = st.lists(st.builds(MovedSource, NAMES, NAMES, st.integers(0, 8)), max_size=5)


@given(st.lists(NAMES, max_size=8), MOVES)
def test_names_after_moves_are_what_one_row_after_the_other_gives(stored, moves):
    expected = []
    for row, name in enumerate(stored):
        for each in moves:
            name = each.new if name == each.old and row < each.below else name
        expected.append(name)
    rows = np.arange(len(stored))
    assert renamed(stored, rows, moves) == expected
    assert unescaped_list(renamed_column(pa.chunked_array([escaped_array(stored)]), rows, moves)) == expected
    distinct = sorted(set(stored))
    names, codes = renamed_codes(distinct, np.array([distinct.index(n) for n in stored], np.int32), rows, moves)
    assert [names[code] for code in codes] == expected


def test_a_collection_without_moves_reads_as_before(tmp_path, made):
    shop = made("shop", {tmp_path / "photos": "abc"})
    with Store.open(shop) as store:
        (_, stored), (_, now) = list(live_tables(store, as_stored=True)), list(live_tables(store))
        assert stored.equals(now) and store.content.moved == ()


def test_a_source_moves_neither_to_a_pipe_nor_from_a_folder_to_a_file(tmp_path, made):
    old, table, pipe = tmp_path / "old", tmp_path / "table.csv", tmp_path / "pipe"
    old.mkdir()
    table.touch()
    os.mkfifo(pipe)
    shop = made("shop", {old: ["a"]})
    with pytest.raises(LookalikeError, match="is a pipe, not a regular file"):
        move(shop, old, pipe)
    with pytest.raises(LookalikeError, match="which is a file: give a folder"):
        move(shop, old, table)
    assert sources(shop) == {"a": str(old)}
