"""The Python face over vectors: every way to ask, held against NumPy."""

import io
import re
from dataclasses import asdict
from functools import partial

import numpy as np
import pytest

from lookalike import Collection, LookalikeError
from lookalike.search.neighbours.nearest import neighbours
from lookalike.search.neighbours.queries import read_queries

from .conftest import clusters, unit


def brute(vectors, queries, k, without=None):
    """Rows and scores of the k nearest, ties by smaller row."""
    scores = (queries.astype(np.float64) @ vectors.T.astype(np.float64)).astype(np.float64)
    if without is not None:
        scores[np.arange(len(queries)), without] = -np.inf
    rows = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return rows, np.take_along_axis(scores, rows, 1)


@pytest.mark.parametrize("indexed", [False, True])
def test_vectors_find_what_brute_force_finds(shop, indexed):
    if indexed:
        shop.index()
    queries = clusters(5, 7)[0]
    rows, scores = brute(shop.raw[0], queries, 5)
    hits = shop.search(queries, k=5)
    assert hits.rows.tolist() == rows.tolist()
    np.testing.assert_allclose(hits.scores, scores, atol=1e-6)
    np.testing.assert_allclose(hits.distances, np.sqrt(2 - 2 * scores), atol=1e-5)
    assert hits.keys() == [[f"k{row}" for row in line] for line in rows]
    assert hits.labels() == [[shop.raw[1][row] for row in line] for line in rows]
    one = shop.search(queries[0], k=5)
    assert one.rows.tolist() == rows[:1].tolist()


def test_a_key_does_not_find_itself_and_others_keep_their_places(shop):
    rows, scores = brute(shop.raw[0], shop.raw[0][[3, 9]], 4, without=[3, 9])
    hits = shop.search(["k3", "key:k9"], k=4)
    assert hits.rows.tolist() == rows.tolist()
    np.testing.assert_allclose(hits.scores, scores, atol=1e-6)


def test_a_copy_of_a_key_is_found_though_the_key_itself_is_not(shop):
    shop.add(shop.raw[0][[3]], ["copy"], ["c0"])
    assert shop.search("k3", k=1).keys() == [["copy"]]
    assert shop.search("copy", k=1).keys() == [["k3"]]


def test_more_hits_than_rows_are_padded_and_reach_no_label(shop):
    hits = shop.search(shop.raw[0][:1], k=70)
    assert (hits.rows[0, 60:] == -1).all() and np.isneginf(hits.scores[0, 60:]).all()
    assert np.isposinf(hits.distances[0, 60:]).all()
    assert hits.keys()[0][60:] == [None] * 10 and hits.labels()[0][60:] == [None] * 10
    assert len(next(iter(hits))) == 60


def test_a_broken_npy_fails_alone(shop, tmp_path):
    absurd = io.BytesIO()
    np.lib.format.write_array_header_1_0(absurd, {"descr": "<f4", "fortran_order": False, "shape": (1 << 50, 8)})
    zipped = io.BytesIO()
    np.savez(zipped, a=np.ones(3))
    texts = {"empty": b"", "absurd": absurd.getvalue(), "zip": zipped.getvalue(), "text": b"1 2 3"}
    texts["cut"] = texts["absurd"][:50]
    texts["long"] = b"\x93NUMPY\x02\x00" + (30_000).to_bytes(4, "little") + b" " * 30_000
    for name, data in texts.items():
        (tmp_path / f"{name}.npy").write_bytes(data)
    np.save(tmp_path / "whole.npy", shop.raw[0][:2])
    np.save(tmp_path / "object.npy", np.array([{}], dtype=object), allow_pickle=True)
    asked = read_queries(
        shop._view, [*(tmp_path / f"{name}.npy" for name in [*texts, "object", "whole"]), "k3"], strict=False
    )
    assert len(asked.failed) == len(texts) + 1 and len(asked.vectors) == 3
    assert all(
        "cannot be read as a .npy file of vectors: " in reason and "\n" not in reason for _, reason in asked.failed
    )


def test_decisions_come_one_by_one_too(shop):
    made = shop.classify(shop.raw[0][:5])
    assert [asdict(decision) for decision in made] == made.records() and len(list(made)) == len(made) == 5
    assert (made[0].label, made[-1].distance) == (made.labels[0], made.distances[4])
    assert (made[2].nearest, made[2].threshold, made[2].by) == (made.nearest[2], None, "prototype")
    for wrong, error in ((5, IndexError), (slice(2), TypeError)):
        with pytest.raises(error):
            made[wrong]


def test_an_empty_collection_answers_no_question(tmp_path):
    np.save(tmp_path / "q.npy", unit(np.ones((2, 8))))
    with Collection.create(tmp_path / "none") as none:
        for query in (unit(np.ones((2, 8))), [unit(np.ones((1, 8)))], str(tmp_path / "q.npy"), "k1"):
            for ask in (none.search, none.classify):
                with pytest.raises(LookalikeError, match="is empty: embed or import images or vectors first"):
                    ask(query)


def test_npy_files_are_queries(shop, tmp_path):
    np.save(tmp_path / "one.npy", shop.raw[0][0])
    np.save(tmp_path / "two.npy", shop.raw[0][:2])
    asked = read_queries(shop._view, [str(tmp_path / "one.npy"), tmp_path / "two.npy"])
    assert [name.rsplit("/", 1)[1] for name in asked.names] == ["one.npy", "two.npy[0]", "two.npy[1]"]
    assert neighbours(shop._view, asked, 1).rows.tolist() == [[0], [0], [1]]


def test_a_name_that_is_a_file_and_a_key_is_refused(shop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("k5.npy", shop.raw[0][7])
    shop.add(unit(np.ones((1, 8))), ["k5.npy"])
    with pytest.raises(LookalikeError, match=r"which are different pictures: write \./k5\.npy or key:k5\.npy"):
        shop.search("k5.npy")
    assert shop.search("./k5.npy", k=1).rows.tolist() == [[7]]
    assert shop.search("key:k5.npy", k=1).rows[0, 0] != 60


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (np.full(8, np.nan, np.float32), "NaN"),
        (np.zeros((2, 8), np.float32), "zero"),
        (np.ones(8, np.float32), "length|normalis"),
        (unit(np.ones((1, 9))), "9"),
        ("nothing", "'nothing' is neither a file nor a key"),
        ("key:nothing", "no key 'nothing'"),
        (b"", "'bytes' is empty"),
        ({}, "a query cannot be of type dict: give a path, a key"),
        (5, "a query cannot be of type int"),
    ],
)
def test_what_cannot_be_asked_is_named(shop, query, message):
    with pytest.raises(LookalikeError, match=message):
        shop.search(query)


def test_vectors_of_any_length_are_normalised_when_asked(shop):
    found = shop.search(3.0 * shop.raw[0][:2].astype(np.float64), k=1, normalise=True)
    assert found.rows.tolist() == [[0], [1]]
    np.testing.assert_allclose(found.scores, 1, atol=1e-6)


def test_an_empty_collection_says_so(tmp_path):
    with Collection.create(tmp_path / "empty") as empty:
        assert len(empty) == 0
        with pytest.raises(LookalikeError, match="empty"):
            empty.search(np.ones(4, np.float32))


def test_long_vectors_are_scaled_where_that_is_asked_for(shop):
    long = 3 * shop.raw[0][:2]
    for ask in (shop.search, shop.classify):
        with pytest.raises(LookalikeError, match="normalise=True"):
            ask(long)
    assert shop.classify(long, normalise=True).labels == shop.classify(shop.raw[0][:2]).labels


@pytest.mark.parametrize("k", [0, -1, 2.5, "3", True, None])
def test_a_k_that_is_no_whole_number_from_one_is_refused_by_its_value(shop, k):
    for ask in (partial(shop.search, shop.raw[0][:1]), partial(shop.search, "k1"), partial(shop.classify, "k1", "knn")):
        with pytest.raises(LookalikeError, match=re.escape(f"k is {k!r}: it must be a whole number of at least 1")):
            ask(k=k)


def test_a_k_far_beyond_the_rows_fills_no_memory(shop):
    for query in (shop.raw[0][:1], "k1"):
        with pytest.raises(
            LookalikeError,
            match=r"k is 1000000000, but there are only 60 rows: 1 x .* do not fit in memory: give k=60",
        ):
            shop.search(query, k=1_000_000_000)
        assert (shop.search(query, k=1000).rows[:, 60:] == -1).all()
    everyone = shop.classify(list(shop.raw[0][:3]), by="knn", k=1_000_000_000)
    assert everyone.labels == shop.classify(list(shop.raw[0][:3]), by="knn", k=60).labels


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (lambda shop: shop.bench(queries=0), "queries is 0"),
        (lambda shop: shop.bench(seed=-1), "seed is -1"),
        (lambda shop: shop.calibrate("any", conformal=0.1, seed=-1), "seed is -1"),
        (lambda shop: shop.embed("any", max_rejects=-1), "max_rejects is -1"),
        (
            lambda shop: Collection.open(shop.path, device="banana"),
            "unknown device 'banana': use auto, cpu or gpu",
        ),
        (lambda shop: Collection.open(shop.path, device="gpu"), "device 'gpu' cannot be used"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_the_shell_refuses_python_refuses_too(shop, wrong, named):
    with pytest.raises(LookalikeError, match=named):
        wrong(shop)


def test_a_reader_stays_at_its_version_until_it_refreshes(shop):
    with Collection.open(shop.path) as reader:
        shop.remove("k0")
        assert len(reader) == 60 and len(shop) == 59
        assert reader.search(shop.raw[0][:1], k=1).rows.tolist() == [[0]]
        assert reader.refresh().search(shop.raw[0][:1], k=1).rows[0, 0] != 0


def test_removing_an_unknown_key_removes_nothing(shop):
    with pytest.raises(LookalikeError, match="'k99'"):
        shop.remove(["k1", "k99"])
    assert len(shop) == 60


def test_a_file_of_vectors_that_was_renamed_is_moved_and_imported_on(tmp_path):
    old, new = tmp_path / "old.npy", tmp_path / "new.npy"
    np.save(old, clusters(0, 6)[0])
    with Collection.create(tmp_path / "moved") as collection:
        collection.import_vectors(old)
        old.rename(new)
        with pytest.raises(LookalikeError, match="belong"):
            collection.import_vectors(new)
        (moved,) = collection.move(old, new)
        assert (moved.rows, moved.new) == (6, str(new))
        assert collection.import_vectors(new)["skipped"] == 6
        assert set(collection.vectors(["source"])["source"].to_pylist()) == {str(new)}
        assert len(collection.search(clusters(0, 1)[0], k=3, where=f"source = '{new}'").keys()[0]) == 3
