import os

import numpy as np
import pytest

from lookalike.store.changing.writer import writing
from lookalike.store.errors import Busy, Damaged, LookalikeError
from lookalike.store.files.content import RejectEntry
from lookalike.store.files.parts import lookup_columns, write_part
from lookalike.store.version.store import Store


@pytest.fixture
def empty(tmp_path):
    with Store.create(tmp_path / "shop") as store:
        yield store


def test_commit_publishes_what_was_staged_and_goes_on_from_it(empty, grow):
    with writing(empty) as writer:
        first = grow(writer, "ab")
        assert (writer.base.version, writer.next_row) == (1, 2)
        store = writer.commit()
        assert writer.base is store
        grow(writer, "c")
        again = writer.commit()
    assert (empty.version, store.version, again.version) == (1, 2, 3)
    assert (empty.rows, store.rows, again.rows) == (0, 2, 3)
    assert again.manifest.parent == store.manifest.digest
    assert np.array_equal(again.gather(np.array([0, 1])), first.vectors)
    with Store.open(empty.path) as opened:
        assert opened.manifest == again.manifest


def test_nothing_staged_makes_no_version(empty, grow):
    with writing(empty) as writer:
        grow(writer, "ab")
        store = writer.commit()
        writer.delete(np.zeros(0, dtype=np.int64))
        writer.drop_rejects("nobody")
        writer.set_segments(())
        assert writer.commit() is store
    assert Store.open(empty.path).version == 2


def test_leaving_without_commit_abandons(empty, grow):
    with writing(empty) as writer:
        grow(writer, "ab")
    with pytest.raises(KeyError), writing(empty) as writer:
        grow(writer, "ab")
        raise KeyError
    with Store.open(empty.path) as store, writing(store) as writer:
        assert (store.version, writer.next_row) == (1, 0)


def test_a_writer_begins_from_the_newest_version(empty, grow):
    with writing(empty) as writer:
        grow(writer, "ab")
        writer.commit()
    with writing(empty) as writer:
        assert (writer.base.version, writer.next_row) == (2, 2)


def test_only_one_writes(empty):
    with writing(empty), pytest.raises(Busy, match=str(os.getpid())), writing(empty):
        pass


def test_rows_are_given_once(empty, grow):
    with writing(empty) as writer:
        grow(writer, "ab")
        writer.commit()
        writer.delete(np.array([0, 1]))
        writer.commit()
        grow(writer, "ab")
        store = writer.commit()
    assert store.find(["a", "b"]).tolist() == [2, 3]
    assert (store.rows, store.deleted_count, store.next_row) == (2, 2, 4)


def test_a_row_may_be_replaced_in_one_commit(empty, grow):
    with writing(empty) as writer:
        grow(writer, "ab")
        writer.commit()
        writer.delete(np.array([0]))
        new = grow(writer, "a", ["y"])
        store = writer.commit()
    assert store.find(["a", "b"]).tolist() == [2, 1]
    assert np.array_equal(store.gather(np.array([2])), new.vectors)


def test_deletions_of_several_commits_add_up(empty, grow):
    with writing(empty) as writer:
        grow(writer, "abcd")
        for row, left in ((0, "bcd"), (3, "bc"), (1, "c")):
            writer.delete(np.array([row]))
            store = writer.commit()
            assert store.keys(store.live_rows()) == list(left)
            assert store.rows == len(left)


def test_staged_rows_can_be_deleted(empty, grow):
    with writing(empty) as writer:
        grow(writer, "abc")
        writer.delete(np.array([1]))
        store = writer.commit()
    assert store.live_rows().tolist() == [0, 2]


@pytest.mark.parametrize("rows", [[-1], [3], [0], [2, 2, 99]])
def test_only_live_rows_can_be_deleted(empty, grow, rows):
    with writing(empty) as writer:
        grow(writer, "abc")
        writer.commit()
        writer.delete(np.array([0]))
        with pytest.raises(LookalikeError, match=rf"row {max(rows)} .*no such live row"):
            writer.delete(np.array(rows))
        assert writer.commit().live_rows().tolist() == [1, 2]


def test_a_doubled_key_is_refused_and_nothing_published(empty, grow):
    with writing(empty) as writer:
        grow(writer, "ab")
        writer.commit()
        grow(writer, "cb")
        with pytest.raises(LookalikeError, match=r"'b' would be in .* twice"):
            writer.commit()
    with writing(empty) as writer:
        grow(writer, "c")
        grow(writer, "dc")
        with pytest.raises(LookalikeError, match=r"'c' would be in .* twice"):
            writer.commit()
    assert Store.open(empty.path).version == 2


def test_another_dimension_is_refused(empty, grow):
    with writing(empty) as writer:
        grow(writer, "ab")
        with pytest.raises(LookalikeError, match=r"has 16 dimensions, but .* has 8"):
            grow(writer, "cd", d=16)


def test_a_part_that_is_not_as_its_entry_says_is_refused(empty, part_rows):
    rows, fewer = part_rows(["a", "b"]), part_rows(["a"])
    with writing(empty) as writer:
        entry = write_part(writer.path, rows, None)
        with pytest.raises(Damaged, match=r"holds 2 rows"):
            writer.add_part(entry, lookup_columns(fewer))
        (writer.path / entry.file).write_bytes(b"")
        with pytest.raises(Damaged, match=r"0 bytes"):
            writer.add_part(entry, lookup_columns(rows))


FILES = {"encoder.json": b"{}", "encoder.safetensors": b"weights"}


def test_a_model_is_copied_and_kept(empty, grow, tmp_path):
    (tmp_path / "weights").write_bytes(b"weights")
    with writing(empty) as writer:
        writer.set_model("a1", 8, "fp32", {"encoder.json": b"{}", "encoder.safetensors": tmp_path / "weights"})
        grow(writer, "ab", model="a1")
        store = writer.commit()
        writer.set_model("a1", 8, "fp32", FILES)
        assert writer.commit() is store
    assert (store.model.digest, store.model.dim, store.model.precision, store.dim) == ("a1", 8, "fp32", 8)
    assert {entry.file: store.file(entry).read_bytes() for entry in store.model.files} == {
        "model/a1/encoder.json": b"{}",
        "model/a1/encoder.safetensors": b"weights",
    }


def test_another_model_is_refused_with_both_digests_also_with_the_same_dimension(empty, grow):
    with writing(empty) as writer:
        writer.set_model("a1", 8, "fp32", FILES)
        writer.commit()
        with pytest.raises(LookalikeError, match=r"a1.*b2"):
            writer.set_model("b2", 8, "fp32", FILES)
        with pytest.raises(LookalikeError, match=r"b2.*a1"):
            grow(writer, "ab", model="b2")
        grow(writer, "ab", model="a1")
        grow(writer, "cd", model=None)
        assert writer.commit().rows == 4


def test_a_model_for_vectors_of_unknown_origin_is_refused(empty, grow):
    with writing(empty) as writer:
        grow(writer, "ab")
        with pytest.raises(LookalikeError, match=r"without a model.*a1"):
            writer.set_model("a1", 8, "fp32", FILES)
        grow(writer, "cd", model="a1")  # whose they are is known, as of an import; the model is not here
        with pytest.raises(LookalikeError, match=r"without a model.*a1"):
            writer.set_model("a1", 8, "fp32", FILES)


def test_a_model_joins_the_vectors_that_it_made_and_no_others(empty, grow):
    with writing(empty) as writer:
        grow(writer, "ab", model="a1")
        with pytest.raises(LookalikeError, match=r"vectors of model a1, not of model b2: use another"):
            writer.set_model("b2", 8, "fp32", FILES)
        writer.set_model("a1", 8, "fp32", FILES)
        assert writer.commit().model.digest == "a1"


def test_a_model_that_an_abandoned_attempt_left_is_taken_if_it_is_the_same(empty):
    with writing(empty) as writer:
        writer.set_model("a1", 8, "fp32", FILES)
    with writing(empty) as writer:
        with pytest.raises(LookalikeError, match=r"leftover"):
            writer.set_model("a1", 8, "fp32", FILES | {"encoder.json": b"other"})
        writer.set_model("a1", 8, "fp32", FILES)
        assert writer.commit().model.digest == "a1"


@pytest.mark.parametrize("digest, name", [("../a", "x"), ("a1", "../x"), ("a1", "/etc/x"), ("a/b", "x"), ("", "x")])
def test_a_model_cannot_be_written_elsewhere(empty, digest, name):
    with writing(empty) as writer, pytest.raises(LookalikeError, match=r"model file name"):
        writer.set_model(digest, 8, "fp32", {name: b""})


def test_rejects_go_by_source(empty):
    one, two = (RejectEntry(f"rejects/{n}", 1, "x", 3, n) for n in ("one", "two"))
    with writing(empty) as writer:
        writer.add_rejects(one)
        writer.add_rejects(two)
        assert writer.commit().content.rejects == (one, two)
        writer.drop_rejects("one")
        assert writer.commit().content.rejects == (two,)


def test_a_commit_writes_no_more_for_a_larger_collection(empty, grow):
    """Many small commits: the lookup runs stay few, and each commit publishes few files."""
    written = []
    with writing(empty) as writer:
        for number in range(40):
            grow(writer, [f"{number}-{i}" for i in range(8)])
            before = {p for p in empty.path.rglob("*") if p.is_file()}
            store = writer.commit()
            new = {p for p in empty.path.rglob("*") if p.is_file()} - before
            written.append(len(new))
            assert len(store.content.runs) <= 1 + np.log2(number + 1)
    assert max(written) <= 3
    assert store.find([f"{number}-{i}" for number in range(40) for i in range(8)]).tolist() == list(range(320))
