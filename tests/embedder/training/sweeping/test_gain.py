"""Where the gain stops: held against made-up scores whose answer is plain."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.embedder.training.sweeping.gain import behind, best_of, gains
from lookalike.embedder.training.sweeping.sweep import Run


def run(precisions, **settings):
    precisions = np.asarray(precisions, dtype=float)
    return Run({key.replace("_", "."): value for key, value in settings.items()}, "", float(np.nanmean(precisions)),
               precisions=precisions)  # fmt: skip


def scores(mean, n=400, seed=0):
    return np.clip(np.random.default_rng(seed).normal(mean, 0.1, n), 0, 1)


def test_the_gain_stops_where_the_images_cannot_tell():
    noise = np.random.default_rng(1).normal(0, 0.05, (4, 400))
    base = scores(0.5)
    values = {4: base + noise[0], 8: base + 0.2 + noise[1], 16: base + 0.3 + noise[2], 32: base + 0.3005 + noise[3]}
    (gain,) = gains([run(precisions, model_dim=dim) for dim, precisions in values.items()])
    assert (gain.key, gain.stops_at, gain.tried) == ("model.dim", 16, [4, 8, 16, 32])
    assert gain.best_map_at_r >= gain.map_at_r
    assert str(gain).startswith("model.dim: no measurable gain beyond 16 (MAP@R 0.79")


def test_a_gain_at_the_largest_value_is_still_one():
    (gain,) = gains([run(scores(0.2 * i), model_dim=2**i) for i in (4, 1, 2)])
    assert gain.stops_at == 16 and "still improving at 16" in str(gain)


def test_other_keys_stay_as_in_the_best_run():
    runs = [run(scores(m), model_dim=d, loss_margin=g) for d, g, m in
            ((4, 0.1, 0.3), (4, 0.5, 0.9), (8, 0.1, 0.5), (8, 0.5, 0.6))]  # fmt: skip
    assert {gain.key: gain.stops_at for gain in gains(runs)} == {"model.dim": 4, "loss.margin": 0.5}


@pytest.mark.parametrize(
    "runs",
    [
        [],
        [Run({"model.dim": 4}, "", error="collapsed")],
        [run(scores(0.5), model_dim=4)],
        [run(scores(0.5), model_backbone="conv4"), run(scores(0.6), model_backbone="resnet")],
        [run(scores(0.5), image_flip=False), run(scores(0.6), image_flip=True)],
    ],
)
def test_without_two_numbers_nothing_is_said(runs):
    assert gains(runs) == []


def test_the_first_of_equals_is_best():
    runs = [run([0.5, 0.7], a_b=1), run([0.6, 0.6], a_b=2), Run({"a.b": 3}, "", error="no")]
    assert best_of(runs) is runs[0] and best_of(runs[2:]) is None


def test_images_without_a_precision_are_left_out():
    assert not behind(np.array([np.nan, 0.5]), np.array([0.9, 0.6]))
    assert behind(np.array([np.nan, *[0.5] * 9, 0.49]), np.array([0.1, *[0.6] * 10]))


@given(st.lists(st.floats(0, 1), min_size=2, max_size=50))
def test_nothing_is_behind_itself(values):
    assert not behind(np.array(values), np.array(values))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=50))
def test_two_runs_are_never_behind_each_other(pairs):
    a, b = np.array(pairs).T
    assert not (behind(a, b) and behind(b, a))
