import numpy as np
import pytest

from lookalike.measures.episodes import _accuracy, drawable, episodes


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def clusters(classes, images, spread, seed=0):
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(classes), images)
    return unit(rng.normal(size=(classes, 16))[codes] + spread * rng.normal(size=(len(codes), 16))), codes


def naive(vectors, codes, way, shots, queries, count, seed):
    """Another drawing of episodes, in plain loops: the same distribution, other numbers."""
    rng = np.random.default_rng([99, seed])
    classes = [code for code in np.unique(codes) if (codes == code).sum() > shots]
    accuracies = []
    for _ in range(count):
        supports, asked = [], []
        for code in rng.permutation(classes)[:way]:
            rows = rng.permutation(np.flatnonzero(codes == code))[: shots + queries]
            mean = np.mean(vectors[rows[:shots]].astype(float), axis=0)
            supports.append(mean)
            asked.append(vectors[rows[shots:]])
        shares = []
        for own, rows in enumerate(asked):
            right = [min(range(way), key=lambda j, row=row: np.linalg.norm(row - supports[j])) == own for row in rows]
            shares.append(np.mean(right))
        accuracies.append(np.mean(shares))
    return np.mean(accuracies), np.std(accuracies, ddof=1) / np.sqrt(count)


@pytest.mark.parametrize(("way", "shots", "queries"), [(5, 1, 15), (5, 5, 15), (2, 3, 4)])
@pytest.mark.parametrize("sizes", [None, [3, 4, 30, 8, 6, 12, 9]])
def test_agrees_with_plain_loops(way, shots, queries, sizes):
    vectors, codes = clusters(7, 30, 1.2)
    if sizes is not None:
        kept = np.concatenate([np.flatnonzero(codes == code)[:size] for code, size in enumerate(sizes)])
        vectors, codes = vectors[kept], codes[kept]
    got = episodes(vectors, codes, way, shots, queries, count=300)
    mean, error = naive(vectors, codes, way, shots, queries, 300, 0)
    spread = (got.high - got.low) / 2 / 1.96
    assert abs(got.accuracy - mean) < 4.5 * np.hypot(error, spread)
    assert spread == pytest.approx(error, rel=0.25)
    assert 0.2 < got.low < got.accuracy < got.high < 1


def test_the_interval_covers_the_mean_of_many_episodes_as_often_as_it_says():
    vectors, codes = clusters(6, 12, 1.2)
    truth = episodes(vectors, codes, 3, 1, 4, count=3000, seed=1000).accuracy
    covered = [got.low <= truth <= got.high for got in (episodes(vectors, codes, 3, 1, 4, 60, s) for s in range(80))]
    assert np.mean(covered) > 0.85  # 0.95 less four standard errors


def test_a_class_is_where_its_mean_is_not_in_which_direction():
    # Along the first axis both means point the same way; the scattered class's is the shorter.
    scattered = unit([[1, 3, 0], [1, -3, 0]])
    close = unit([[1, 0.1, 0], [1, -0.1, 0]])
    asked = unit([[1, 0, 3], [2, 0, 1]])
    supports = np.stack([scattered.mean(axis=0), close.mean(axis=0)])
    nearest = np.linalg.norm(asked[:, None] - supports[None], axis=2).argmin(axis=1)
    directions = supports / np.linalg.norm(supports, axis=1, keepdims=True)
    assert nearest.tolist() == [0, 1] and (asked @ directions.T).argmax(axis=1).tolist() != [0, 1]
    assert _accuracy([scattered, close], [asked[:1], asked[1:]]) == 1.0
    assert _accuracy([close, scattered], [asked[:1], asked[1:]]) == 0.0


def test_queries_are_never_support():
    # Rows at random: only a query that is its own support could be recognised.
    rng = np.random.default_rng(0)
    vectors, codes = unit(rng.normal(size=(400, 64))), np.arange(400) % 100
    got = episodes(vectors, codes, way=20, shots=3, count=300)
    assert got.accuracy < 0.1


def test_perfect_classes_and_collapsed_ones():
    vectors, codes = np.eye(6, dtype=np.float32)[np.arange(24) % 6], np.arange(24) % 6
    got = episodes(vectors, codes, count=50)
    assert (got.accuracy, got.low, got.high, got.classes) == (1.0, 1.0, 1.0, 6)
    assert episodes(np.tile(vectors[:1], (24, 1)), codes, count=50).accuracy == pytest.approx(0.2)


def test_a_seed_draws_the_same_episodes_and_rows_without_a_class_do_not_matter():
    vectors, codes = clusters(6, 12, 1.0)
    got = episodes(vectors, codes, count=40, seed=3)
    assert got == episodes(vectors, codes, count=40, seed=3) != episodes(vectors, codes, count=40, seed=4)
    more, none = np.concatenate([vectors[:5], vectors]), np.concatenate([np.full(5, -1), codes])
    assert episodes(more, none, count=40, seed=3) == got


def test_opposite_support_has_no_prototype_but_an_answer():
    vectors = np.float32([[1, 0], [-1, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    got = episodes(vectors, np.array([0, 0, 0, 1, 1, 1]), way=2, shots=2, queries=1, count=30)
    assert 0.5 <= got.accuracy <= 1


def test_one_episode_says_nothing_about_the_next():
    vectors, codes = clusters(5, 3, 1.0)
    got = episodes(vectors, codes, count=1)
    assert (got.low, got.high) == (0.0, 1.0)


def test_drawable_classes_have_a_query_beyond_the_support():
    codes = np.array([3, 3, 1, 1, 1, -1, -1, -1, 8])
    assert [drawable(codes, shots).tolist() for shots in (0, 1, 2, 3)] == [[1, 3, 8], [1, 3], [1], []]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"way": 1}, "way is 1"),
        ({"shots": 0}, "shots is 0"),
        ({"queries": 0}, "queries is 0"),
        ({"count": 0}, "count is 0"),
        ({"way": 4}, "3 classes have more than 1 images: 4-way episodes need 4"),
        ({"way": 3, "shots": 4}, "0 classes have more than 4"),
    ],
)
def test_refuses_what_cannot_be_drawn(arguments, said):
    vectors, codes = clusters(3, 4, 1.0)
    with pytest.raises(ValueError, match=said):
        episodes(vectors, codes, **arguments)
