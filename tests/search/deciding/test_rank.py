"""Classes ranked by prototype and by vote, with a query's own rows left out: against a plain loop."""

import numpy as np
import pytest

from lookalike import LookalikeError
from lookalike.search.deciding.rank import DecisionRule, rank, rank_without_class

from ..conftest import clusters


def naive_prototypes(vectors, labels, query, own=(), without=None):
    """(class, score) pairs, best first, from the means of the rows that may speak."""
    scores = {}
    for label in set(labels) - {without, None}:
        rows = [i for i, other in enumerate(labels) if other == label and i not in own]
        if rows:
            mean = vectors[rows].astype(np.float64).sum(0)
            scores[label] = float(query @ (mean / np.linalg.norm(mean)))
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))


def naive_vote(vectors, labels, query, k, own=(), without=None):
    """The winner and the score of its nearest row."""
    rows = [i for i in range(len(vectors)) if i not in own and (without is None or labels[i] != without)]
    rows = sorted(rows, key=lambda i: (-float(query @ vectors[i]), i))[:k]
    votes = {}
    for i in rows:
        count, best = votes.get(labels[i], (0, -np.inf))
        votes[labels[i]] = (count + 1, max(best, float(query @ vectors[i])))
    winner = max(sorted(votes), key=lambda label: votes[label])
    return winner, votes[winner][1]


@pytest.mark.parametrize("indexed", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_prototypes_without_a_query_s_own_rows(shop, seed, indexed):
    if indexed:
        shop.index()
    vectors, labels = shop.raw
    rng = np.random.default_rng(seed)
    queries = clusters(seed + 9, 6)[0]
    own = [rng.choice(60, rng.integers(0, 4), replace=False) for _ in queries]
    ranked = rank(shop._view, queries, own, DecisionRule())
    for i, query in enumerate(queries):
        expected = naive_prototypes(vectors, labels, query, own[i])[:2]
        assert [ranked.classes[code] for code in ranked.codes[i]] == [label for label, _ in expected]
        np.testing.assert_allclose(ranked.scores[i], [score for _, score in expected], atol=1e-5)


def test_a_class_of_which_only_the_query_is_left_is_gone(shop):
    shop.add(shop.raw[0][:1] * -1, ["alone"], ["lonely"])
    row = np.array([60])
    query = -shop.raw[0][:1]
    assert (
        rank(shop._view, query, None, DecisionRule()).classes[rank(shop._view, query, None, DecisionRule()).codes[0, 0]]
        == "lonely"
    )
    ranked = rank(shop._view, query, [row], DecisionRule())
    assert "lonely" not in [ranked.classes[code] for code in ranked.codes[0]]


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_votes_without_a_query_s_own_rows(shop, weights):
    vectors, labels = shop.raw
    own = [np.array([i]) if i % 2 else np.empty(0, np.int64) for i in range(10)]
    ranked = rank(shop._view, vectors[:10], own, DecisionRule("knn", 5, weights))
    for i in range(10):
        if weights == "uniform":
            winner, score = naive_vote(vectors, labels, vectors[i], 5, set(own[i].tolist()))
            assert ranked.classes[ranked.codes[i, 0]] == winner
            np.testing.assert_allclose(ranked.scores[i, 0], score, atol=1e-6)
        elif not i % 2:  # the row itself, at distance 0, decides alone
            assert ranked.classes[ranked.codes[i, 0]] == labels[i]


@pytest.mark.parametrize("by", ["prototype", "knn"])
def test_leaving_the_own_class_out(shop, by):
    vectors, labels = shop.raw
    ranked = rank_without_class(shop._view, vectors[:20], labels[:20], DecisionRule(by, 5))
    for i in range(20):
        assert labels[i] not in [ranked.classes[code] for code in ranked.codes[i] if code >= 0]
        if by == "prototype":
            label, score = naive_prototypes(vectors, labels, vectors[i], without=labels[i])[0]
        else:
            label, score = naive_vote(vectors, labels, vectors[i], 5, without=labels[i])
        assert ranked.classes[ranked.codes[i, 0]] == label
        np.testing.assert_allclose(ranked.scores[i, 0], score, atol=1e-5)


def test_a_collection_without_labels_cannot_classify(shop):
    shop.remove([f"k{i}" for i in range(60)])
    shop.add(shop.raw[0][:2], ["a", "b"])
    with pytest.raises(LookalikeError, match="no labelled images"):
        shop.classify("a")


@pytest.mark.parametrize(
    ("options", "named"), [({"by": "magic"}, "'magic'"), ({"weights": "x"}, "'x'"), ({"k": 0}, "k is 0")]
)
def test_ways_that_do_not_exist_are_named(options, named):
    with pytest.raises(LookalikeError, match=named):
        DecisionRule(**options)
