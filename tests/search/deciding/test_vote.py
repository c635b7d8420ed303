import numpy as np
import pytest

from lookalike.measures.distances import distance_of
from lookalike.search.deciding.rule import decide
from lookalike.search.deciding.vote import WEIGHTS, shares, vote


def naive(scores, classes, weights):
    """One query in plain Python: [(class, score of its nearest row)], winner first."""
    ballots = [(float(s), int(c)) for s, c in zip(scores, classes, strict=True) if c >= 0 and np.isfinite(s)]
    exact = any(distance_of(s) == 0 for s, _ in ballots)
    votes, best = {}, {}
    for score, code in ballots:
        distance = float(distance_of(score))
        worth = 1.0
        if weights == "distance":
            worth = float(distance == 0) if exact else 1 / distance
        votes[code] = votes.get(code, 0) + worth
        best[code] = max(best.get(code, -np.inf), score)
    return [(code, best[code]) for code in sorted(votes, key=lambda code: (-votes[code], -best[code], code))]


def hits(seed, nq=150, k=10, classes=4, decimals=8):
    rng = np.random.default_rng(seed)
    scores = -np.sort(-rng.uniform(-1, 1, (nq, k)).round(decimals), axis=1).astype(np.float32)
    return scores, rng.integers(0, classes, (nq, k))


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("decimals", [0, 1, 8])
@pytest.mark.parametrize("seed", range(3))
def test_equals_plain_python(seed, decimals, weights):
    scores, classes = hits(seed, decimals=decimals)
    rng = np.random.default_rng(seed)
    classes[rng.random(classes.shape) < 0.3] = -1  # rows without a label
    scores[rng.random(len(scores)) < 0.1, 4:] = -np.inf  # missing hits
    got_scores, got_classes = vote(scores, classes, weights)
    assert (got_scores.shape, got_scores.dtype, got_classes.dtype) == (scores.shape, np.float32, np.int64)
    for query in range(len(scores)):
        expected = naive(scores[query], classes[query], weights)
        filled = len(expected)
        assert list(zip(got_classes[query, :filled], got_scores[query, :filled], strict=True)) == expected
        assert (got_classes[query, filled:] == -1).all()
        assert np.isneginf(got_scores[query, filled:]).all()


def scikit_learn(scores, classes, weights):
    """The votes of KNeighborsClassifier on the same distances: each query has its own k rows and nothing else."""
    from sklearn.neighbors import KNeighborsClassifier

    k, everybody = scores.shape[1], np.arange(int(classes.max()) + 1)
    votes = np.zeros((len(scores), len(everybody)))
    for query, (distances, labels) in enumerate(zip(distance_of(scores), classes, strict=True)):
        model = KNeighborsClassifier(k, weights=weights, metric="precomputed", algorithm="brute")
        model.fit(np.zeros((k, k)), labels)
        votes[query, model.classes_] = model.predict_proba(distances[None, :])[0]
    return votes


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("decimals", [0, 1, 8])  # 0: scores of 1, 0 and -1, so exact matches and ties abound
def test_winner_equals_scikit_learn(weights, decimals):
    scores, classes = hits(9, nq=120, decimals=decimals)
    votes = scikit_learn(scores, classes, weights)
    winner = vote(scores, classes, weights)[1][:, 0]
    most = votes.max(axis=1, keepdims=True)
    tied = np.isclose(votes, most, rtol=1e-9)
    assert tied[np.arange(len(winner)), winner].all()
    clear = tied.sum(axis=1) == 1
    np.testing.assert_array_equal(winner[clear], votes[clear].argmax(axis=1))
    assert clear.sum() > 20
    assert decimals or (~clear).sum() > 5


def test_among_equals_the_nearer_class_wins_then_the_smaller_code():
    scores = np.float32([[0.9, 0.8, 0.7, 0.6], [0.9, 0.9, 0.7, 0.7]])
    classes = np.array([[5, 2, 2, 5], [5, 2, 2, 5]])
    np.testing.assert_array_equal(vote(scores, classes)[1][:, :3], [[5, 2, -1], [2, 5, -1]])


def test_an_exact_match_outweighs_any_crowd():
    scores, classes = np.float32([[1.0, 0.999, 0.999, 0.999]]), np.array([[3, 1, 1, 1]])
    np.testing.assert_array_equal(vote(scores, classes, "distance")[1][0], [3, 1, -1, -1])
    np.testing.assert_array_equal(vote(scores, classes, "uniform")[1][0], [1, 3, -1, -1])
    unlabelled = np.array([[-1, 2, 1, 1]])  # an exact match without a label has no vote, and takes none away
    np.testing.assert_array_equal(vote(scores, unlabelled, "distance")[1][0, :2], [1, 2])


def test_decide_gives_the_distance_to_the_winners_nearest_row_and_a_negative_margin():
    scores, classes = np.float32([[0.875, 0.5, 0.5]]), np.array([[1, 7, 7]])
    got = decide(*vote(scores, classes), 1.0)
    assert (got.code[0], got.distance[0], got.margin[0]) == (7, 1.0, -0.5)
    assert decide(*vote(scores, classes), 0.9).code[0] == -1


@pytest.mark.parametrize("weights", WEIGHTS)
@pytest.mark.parametrize("shape", [(0, 5), (3, 0), (3, 2)])
def test_nobody_votes(shape, weights):
    scores, classes = vote(np.full(shape, -np.inf), np.full(shape, -1), weights)
    assert (scores.shape, classes.shape) == (shape, shape)
    assert (decide(scores, classes).code == -1).all()


@pytest.mark.parametrize("weights", WEIGHTS)
def test_a_missing_hit_has_no_vote_whatever_its_code(weights):
    scores = np.array([[0.1, -np.inf, -np.inf], [np.nan, 0.2, -np.inf]])
    np.testing.assert_array_equal(vote(scores, np.array([[0, 1, 1], [1, 0, 1]]), weights)[1][:, :2], [[0, -1], [0, -1]])


def test_refuses_unknown_weights_and_shapes():
    with pytest.raises(ValueError, match="unknown weights 'rank': use uniform or distance"):
        vote(np.zeros((1, 1)), np.zeros((1, 1), int), "rank")
    with pytest.raises(ValueError, match="two"):
        vote(np.zeros((1, 1)), np.zeros((1, 2), int))


@pytest.mark.parametrize("weights", WEIGHTS)
def test_shares_add_up_to_one_where_anybody_votes(weights):
    scores = np.array([[1.0, 0.5, -1.0], [0.5, 0.5, 0.0], [0.9, -np.inf, -np.inf], [0.3, 0.2, 0.1]], np.float32)
    classes = np.array([[2, 0, 0], [1, 0, 1], [-1, -1, -1], [0, -1, 1]])
    made = shares(scores, classes, 3, weights)
    assert made.shape == (4, 3)
    np.testing.assert_allclose(made.sum(axis=1), [1, 1, 0, 1])
    if weights == "uniform":
        np.testing.assert_allclose(made, [[2 / 3, 0, 1 / 3], [1 / 3, 2 / 3, 0], [0, 0, 0], [0.5, 0.5, 0]])
    else:
        assert made[0].tolist() == [0, 0, 1]
