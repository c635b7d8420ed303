"""The nearest rows of other classes and of each, and the margins made of them: against a plain loop over all rows."""

import copy

import numpy as np
import pytest

from lookalike import Collection
from lookalike.search.neighbours import nearest as nearest_rows
from lookalike.search.neighbours.nearest import nearest_of_each, nearest_of_others

from ..conftest import clusters


@pytest.mark.parametrize("spec", [None, "Flat", "IVF4,Flat", "HNSW8"])
@pytest.mark.parametrize("k", [1, 3, 60, 90])
def test_the_margin_of_a_vote_is_to_the_nearest_row_of_any_other_class(shop, k, spec):
    """Of fresh vectors and of keys, whose own row (of another class than its neighbours, for one) does not count."""
    vectors, labels = shop.raw
    shop.add(-vectors[:1], ["wrong"], ["c9"])
    shop.remove(["k7"])
    rows = [i for i in range(60) if i != 7]
    if spec:
        shop.index(spec=spec)
    keys = ["k3", "k11", "wrong"]
    asked = [(vectors[3], 3), (vectors[11], 11), (-vectors[0], 60), *((query, -1) for query in clusters(77, 20)[0])]
    made = shop.classify([*keys, *(query for query, _ in asked[3:])], by="knn", k=k)
    stored = np.concatenate([vectors, -vectors[:1]])
    named = [*labels, "c9"]
    for decision, (query, own) in zip(made, asked, strict=True):
        far = {i: float(np.sqrt(max(0.0, 2 - 2 * float(query @ stored[i])))) for i in [*rows, 60] if i != own}
        hits = sorted(far, key=far.get)[:k]
        if len({named[i] for i in hits}) == 1 and spec in (None, "Flat"):
            assert decision.distance == pytest.approx(far[hits[0]], abs=1e-4)
            others = min(far[i] for i in far if named[i] != decision.nearest)
            assert decision.margin == pytest.approx(others - decision.distance, abs=1e-4)
        assert decision.margin is not None and decision.label == decision.nearest


@pytest.mark.parametrize("seed", range(4))
def test_the_nearest_rows_of_classes_against_a_loop(tmp_path, monkeypatch, seed):
    """Over the borders of blocks, with rows that are gone, without a label, or left out, and with tied ones."""
    monkeypatch.setattr(nearest_rows, "_ROWS", 7)
    monkeypatch.setattr(nearest_rows, "_QUERIES", 3)
    rng = np.random.default_rng(seed)
    vectors = np.round(rng.standard_normal((40, 3)))
    vectors[~vectors.any(axis=1)] = 1
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    labels = [None if rng.random() < 0.2 else f"c{rng.integers(3)}" for _ in vectors]
    with Collection.create(tmp_path / "few") as few:
        few.add(vectors, [str(i) for i in range(40)], labels)
        few.remove(["0", "13", "39"])
        own = [rng.choice(40, rng.integers(0, 30), replace=False) for _ in range(10)]
        codes = rng.integers(0, len(few._view.store.classes), 10)
        others, each = (
            nearest_of_others(few._view.store, vectors[:10], own, codes),
            nearest_of_each(few._view.store, vectors[:10], own),
        )
        for i in range(10):
            best = dict.fromkeys(few._view.store.classes, -np.inf)
            for row in set(range(40)) - {0, 13, 39} - set(own[i].tolist()):
                if labels[row] is not None:
                    best[labels[row]] = max(best[labels[row]], float(vectors[i] @ vectors[row]))
            np.testing.assert_allclose(each[i], [best[name] for name in few._view.store.classes], atol=1e-6)
            best.pop(few._view.store.classes[codes[i]])
            assert others[i] == pytest.approx(max(best.values(), default=-np.inf), abs=1e-6)


def test_one_class_has_no_margin_and_an_unlabelled_row_gives_none(tmp_path):
    with Collection.create(tmp_path / "one") as one:
        one.add(clusters(0, 5)[0], list("abcde"), ["only"] * 4 + [None])
        for by in ("knn", "prototype"):
            assert [decision.margin for decision in one.classify(["a", "e"], by=by)] == [None, None]


def test_a_vote_reads_no_row_for_margins_that_nobody_asks_for(shop, monkeypatch):
    monkeypatch.setattr("lookalike.search.deciding.classify.nearest_of_others", lambda *_: pytest.fail("read the rows"))
    assert shop.classify(shop.raw[0][:5], by="knn", k=1).labels == shop.raw[1][:5]


def test_who_shows_no_margin_reads_no_row(shop, monkeypatch):
    made = shop.classify(shop.raw[0][:5], by="knn", k=1)
    monkeypatch.setattr("lookalike.search.deciding.classify.nearest_of_others", lambda *_: pytest.fail("read the rows"))
    assert [record["margin"] for record in made.records(margins=False)] == [None] * 5
    assert [record["label"] for record in made.records(margins=False)] == made.labels


def test_decisions_travel_with_their_margins(shop):
    made = shop.classify(shop.raw[0][:5], by="knn", k=1)
    copied = copy.deepcopy(made)  # as pickling would, which a lambda stops
    np.testing.assert_array_equal(copied.margins, made.margins)
    assert copied.records() == made.records() and list(copied) == list(made)
