"""Prototypes: what is folded and brought up to date equals what is computed afresh, bit for bit."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.indexer.index import index
from lookalike.indexer.prototypes.fixed import fixed
from lookalike.indexer.prototypes.folded import Folded, afresh
from lookalike.indexer.prototypes.prototypes import Prototypes
from lookalike.indexer.prototypes.publishing import fold
from lookalike.indexer.prototypes.sums import Sums
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeError
from lookalike.store.files.content import PrototypeRule
from lookalike.store.version.store import Store


def unit(rng, n, d):
    x = rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def folded(path):
    with Store.open(path) as store, writing(store) as writer:
        fold(writer)
        writer.commit()


def same(a, b):
    assert a.classes == b.classes
    assert np.array_equal(a.matrix, b.matrix) and np.array_equal(a.counts, b.counts)
    assert np.array_equal(a.folded.sums.sums, b.folded.sums.sums)


def rebuilt(store):
    return Prototypes(afresh(store, PrototypeRule()))


def test_against_a_plain_mean(shop, rng):
    labels = [None if i % 7 == 0 else f"class {i % 5}" for i in range(400)]
    made = shop(unit(rng, 400, 12), labels).remove(np.arange(0, 400, 3))
    found = Prototypes.of(made.open())
    assert found.classes == [f"class {i}" for i in range(5)]
    for name, row, count in zip(found.classes, found.matrix, found.counts, strict=True):
        mine = made.matrix[[i for i in range(400) if made.alive[i] and labels[i] == name]].astype(np.float64)
        mean = mine.mean(axis=0)
        assert count == len(mine)
        assert np.allclose(row, mean / np.linalg.norm(mean), atol=1e-6)
    queries = unit(rng, 6, 12)
    scores, codes = found.search(queries, 7)
    expected = queries @ found.matrix.T
    assert np.array_equal(codes[:, :5], np.argsort(-expected, axis=1)) and (codes[:, 5:] == -1).all()
    assert np.allclose(scores[:, :5], -np.sort(-expected, axis=1), atol=1e-6) and (scores[:, 5:] == -np.inf).all()
    assert np.allclose(found.scores(queries), expected)


def test_sums_are_the_rational_sums(rng):
    vectors = unit(rng, 50, 3)
    sums = Sums.zero(["a", "b"], 3)
    codes = rng.integers(-1, 2, 50)
    sums.add(codes, vectors)
    for code in (0, 1):
        for column in range(3):
            whole = sum(round(Fraction(float(v)) * 2**32) for v in vectors[codes == code, column])
            assert int(sums.sums[code, column]) == whole
    assert fixed(np.array([[1.0, -1.0]], dtype=np.float32)).tolist() == [[2**32, -(2**32)]]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_of_adding_removing_and_folding_gives_the_same_bits(new_shop, data):
    made = new_shop(6)
    rng = np.random.default_rng(data.draw(st.integers(0, 1000)))
    for _ in range(data.draw(st.integers(1, 6))):
        step = data.draw(st.sampled_from(["add", "remove", "fold"]))
        if step == "add":
            n = data.draw(st.integers(1, 8))
            made.add(unit(rng, n, 6), [data.draw(st.sampled_from(["a", "b", "\u00e9", None])) for _ in range(n)])
        elif step == "remove" and made.alive.any():
            live = np.flatnonzero(made.alive)
            made.remove(rng.permutation(live)[: data.draw(st.integers(1, len(live)))])
        else:
            folded(made.path)
        with made.open() as store:
            same(Prototypes.of(store), rebuilt(store))


def test_a_class_without_rows_is_gone_and_can_come_back(shop, rng):
    made = shop(unit(rng, 6, 4), ["a", "a", "b", "b", "b", None])
    folded(made.path)
    made.remove([2, 3, 4])
    assert Prototypes.of(made.open()).classes == ["a"]
    folded(made.path)
    made.add(unit(rng, 1, 4), ["b"])
    found = Prototypes.of(made.open())
    assert found.classes == ["a", "b"] and np.allclose(found.matrix[1], made.matrix[6], atol=1e-6)
    made.remove([0, 1, 6])
    assert Prototypes.of(made.open()).classes == []
    scores, codes = Prototypes.of(made.open()).search(unit(rng, 2, 4), 3)
    assert (codes == -1).all() and (scores == -np.inf).all()


def test_a_class_that_cancels_out_is_no_prototype_until_it_points_somewhere(shop):
    axis = np.array([[1, 0], [-1, 0], [0, 1]], dtype=np.float32)
    made = shop(axis, ["torn", "torn", "up"])
    folded(made.path)
    found = Prototypes.of(made.open())
    assert found.classes == ["up"]
    assert found.search(axis[:1], 2)[1].tolist() == [[0, -1]]
    made.add(axis[2:], ["torn"])
    found = Prototypes.of(made.open())
    assert found.classes == ["torn", "up"] and np.array_equal(found.matrix, axis[[2, 2]])


def test_left_out(shop, rng):
    vectors = unit(rng, 9, 5)
    made = shop(vectors, ["a", "a", "a", "b", "b", "c", None, "c", "d"])
    store = made.open()
    found = Prototypes.of(store)
    without = found.left_out(store, np.array([1, 3, 6, 8]))
    assert sorted(without) == [0, 1, 3] and without[3].shape == (0, 5)
    for code, rest in ((0, [0, 2]), (1, [4])):
        mean = vectors[rest].astype(np.float64).mean(axis=0)
        assert np.allclose(without[code], mean[None] / np.linalg.norm(mean), atol=1e-6)


def test_unlabelled_rows_are_no_rows_of_a_class_with_an_empty_name(rng):
    vectors, labels = unit(rng, 5, 4), ["", "", None, "a", None]
    sums = Sums.zero(["", "a"], 4)
    sums.add(np.array([0, 0, -1, 1, -1]), vectors)
    found = Prototypes(Folded(sums))
    store = SimpleNamespace(labels=lambda rows: [labels[row] for row in rows], gather=lambda rows: vectors[rows])
    assert found.left_out(store, np.array([2, 4])) == {}
    without = found.left_out(store, np.array([0, 2]))
    assert list(without) == [0] and np.allclose(without[0], vectors[1], atol=1e-6)


def test_index_folds_and_compaction_keeps_what_was_folded(shop, rng):
    made = shop(unit(rng, 300, 6), [f"{i % 9}" for i in range(300)])
    assert index(made.path).classes == 9
    made.remove(np.arange(0, 300, 9)).add(unit(rng, 20, 6), ["new"] * 20)
    assert index(made.path, compact=True).classes == 9
    entry = made.open().content.prototypes
    assert entry is not None and entry.next_row == 320
    same(Prototypes.of(made.open()), rebuilt(made.open()))
    made.remove(np.arange(1, 300, 9)).add(unit(rng, 3, 6), ["1"] * 3)
    same(Prototypes.of(made.open()), rebuilt(made.open()))


def test_many_classes_are_searched_by_their_index(shop, rng, monkeypatch):
    from lookalike.indexer.engine import specs

    monkeypatch.setattr(specs, "FLAT_ROWS", 100)
    made = shop(unit(rng, 1200, 8), [f"{i % 600:04d}" for i in range(1200)])
    index(made.path)
    entry = made.open().content.prototypes
    assert entry is not None and entry.spec.startswith("IVF")
    found = Prototypes.of(made.open())
    scores, codes = found.search(found.matrix, 5)
    assert (codes[:, 0] == np.arange(600)).mean() > 0.99
    expected = -np.sort(-(found.matrix @ found.matrix.T), axis=1)[:, :5]
    assert (scores >= expected[:, -1:] - 2e-6).mean() >= 0.97


def test_a_flipped_bit_in_a_folded_file_is_refused(shop, rng):
    made = shop(unit(rng, 30, 4), ["a", "b"] * 15)
    folded(made.path)
    entry = made.open().content.prototypes
    path = made.path / entry.table.file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.chmod(0o644)
    path.write_bytes(data)
    with pytest.raises(LookalikeError, match="is damaged"):
        Prototypes.of(made.open())
