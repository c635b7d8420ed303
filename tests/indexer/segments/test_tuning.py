"""Recall as a naive loop counts it, knobs raised until it is reached, codes that keep the order of inner products."""

import statistics

import numpy as np
import pytest

from lookalike.indexer.engine.device import Device
from lookalike.indexer.segments import new as segments
from lookalike.indexer.segments.build import build, training_places
from lookalike.indexer.segments.exact import in_chunks
from lookalike.indexer.segments.segment import Segment
from lookalike.indexer.segments.tuning import further, measured, recalls, sampled, tuned


def unit(rng, n, d, centre=0.0):
    x = rng.standard_normal((n, d)) + centre
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def built(spec, rows):
    ids = np.arange(len(rows))
    blocks = in_chunks(ids, lambda some: rows[some])
    return build(spec, rows.shape[1], rows, blocks, Device("cpu"), len(rows))


@pytest.fixture
def ivf(rng):
    """make(parameters) gives an IVF segment over rows that are hard to divide, and a sample of queries."""
    rows = unit(rng, 3000, 12)
    index = built("IVF32,Flat", rows)

    def make(parameters):
        return Segment(index, lambda ids: rows[ids], parameters)

    blocks = in_chunks(np.arange(3000), lambda some: rows[some])
    return rows, make, sampled(np.arange(3000), 10, lambda ids: rows[ids], blocks, rng)


def test_recall_is_the_share_of_other_rows_found(ivf):
    rows, make, sample = ivf
    for nprobe in (1, 4, 32):
        segment = make({"nprobe": nprobe})
        naive = []
        for own, query in zip(sample.ids, sample.vectors, strict=True):
            scores = rows @ query
            scores[own] = -np.inf
            nearest = set(np.argsort(-scores)[:10].tolist())
            found = [i for i in segment.search(query[None], 11)[1][0].tolist() if i != own][:10]
            naive.append(len(nearest & set(found)) / 10)
        assert np.allclose(recalls(segment, sample), naive)
        reached = measured(segment, sample)
        assert reached.mean == pytest.approx(np.mean(naive)) and reached.low <= reached.mean <= reached.high
    assert reached.mean == 1 and reached.high == 1 and reached.low > 0.99


def test_the_fewest_lists_that_reach_it_are_taken(ivf):
    _, make, sample = ivf
    first, second = sample.half(0), sample.half(1)
    assert not set(first.ids) & set(second.ids)
    for wanted in (0.5, 0.9, 0.99):
        nprobe = tuned(make, first, wanted)["nprobe"]
        assert recalls(make({"nprobe": nprobe}), first).mean() >= wanted
        assert recalls(make({"nprobe": nprobe}), second).mean() >= wanted - 0.03
        if nprobe > 8:
            assert recalls(make({"nprobe": nprobe * 3 // 4}), first).mean() < wanted + 0.02


@pytest.fixture
def promised(ivf):
    """promised[nprobe] is the mean recall less its standard error, counted for each number of lists."""
    _, make, sample = ivf
    each = {nprobe: recalls(make({"nprobe": nprobe}), sample).tolist() for nprobe in range(1, 33)}
    return {n: statistics.fmean(some) - statistics.pstdev(some) / len(some) ** 0.5 for n, some in each.items()}


def test_the_mean_must_be_a_standard_error_above_what_is_wanted(ivf, promised):
    _, make, sample = ivf
    for nprobe in (1, 2, 4, 8, 16):
        mean = recalls(make({"nprobe": nprobe}), sample).mean()
        assert tuned(make, sample, promised[nprobe] - 1e-6)["nprobe"] == nprobe
        assert promised[nprobe] + 1e-6 < mean and tuned(make, sample, promised[nprobe] + 1e-6)["nprobe"] > nprobe


def test_the_last_doubling_is_halved_in_to_an_eighth(ivf, promised):
    _, make, sample = ivf
    for nprobe in range(1, 33):
        wanted = promised[nprobe] - 1e-6
        doubled = next(n for n in (1, 2, 4, 8, 16, 32) if promised[n] >= wanted)
        step = max(1, doubled // 16)
        expected = next(n for n in range(doubled // 2 + step, doubled + 1, step) if promised[n] >= wanted)
        assert tuned(make, sample, wanted) == {"nprobe": expected}


def test_what_cannot_be_reached_is_tried_to_the_end(ivf):
    assert tuned(ivf[1], ivf[2], 1.1) == {"nprobe": 32}


def test_lists_are_added_where_the_reported_half_falls_short_of_the_tuned_one(rng):
    rows = unit(rng, 4000, 12)
    asked = np.random.default_rng(segments._SEED).choice(4000, 800, replace=False)
    near = rows[asked[:40:2]][rng.integers(0, 20, 400)] + 0.003 * rng.standard_normal((400, 12))
    rows[asked[::2]] = near / np.linalg.norm(near, axis=1, keepdims=True)  # what is tuned on lies close together
    index = built("IVF32,Flat", rows)

    def make(parameters):
        return Segment(index, lambda ids: rows[ids], parameters)

    ids, blocks = np.arange(4000), list(in_chunks(np.arange(4000), lambda some: rows[some]))
    sample = sampled(ids, 5, lambda some: rows[some], blocks, np.random.default_rng(segments._SEED))
    others = {n: recalls(make({"nprobe": n}), sample.half(1)).mean() for n in range(1, 33)}
    assert tuned(make, sample.half(0), 0.9)["nprobe"] <= 2 and others[2] < 0.7
    values, reached = segments.tuned_and_measured(make, ids, blocks, 0.9, 5)
    assert reached.mean == pytest.approx(others[values["nprobe"]]) and reached.mean >= 0.9
    assert others[values["nprobe"] * 4 // 5] < 0.9
    values, reached = segments.tuned_and_measured(make, ids, blocks, 1.0, 5)
    assert reached.mean == 1.0


def test_knobs_rise_by_a_quarter_up_to_their_largest():
    most = {"nprobe": 32, "k_factor": 256}
    assert further(most, {"nprobe": 1, "k_factor": 4}) == {"nprobe": 2, "k_factor": 5}
    assert further(most, {"nprobe": 24, "k_factor": 255}) == {"nprobe": 30, "k_factor": 256}
    assert further(most, {"nprobe": 30, "k_factor": 256}) == {"nprobe": 32, "k_factor": 256} == further(most, most)


def test_a_filter_is_met_with_more_lists(ivf, rng):
    rows, make, _ = ivf
    segment = make({"nprobe": 4})
    queries = unit(rng, 200, 12)
    allowed = rng.random(3000) < 0.2
    segment._too_few = lambda count: False
    scores, _ = segment.search(queries, 10, allowed)
    best = -np.sort(-(queries @ rows[allowed].T), axis=1)[:, :10]
    unfiltered = (segment.search(queries, 10)[0] >= -np.sort(-(queries @ rows.T), axis=1)[:, 9:10] - 1e-6).mean()
    assert (scores >= best[:, -1:] - 1e-6).mean() > unfiltered


def test_a_full_projection_keeps_inner_products(rng):
    rows = unit(rng, 800, 8, centre=1.0)
    queries = unit(rng, 20, 8)
    for spec in ("PCA8,Flat", "PCAR8,Flat", "RR8,Flat"):
        scores, ids = built(spec, rows).search(queries, 800)
        assert np.allclose(scores, np.take_along_axis(queries @ rows.T, ids, axis=1), atol=1e-5)


def test_training_places_are_spread():
    assert training_places(10, 0).tolist() == []
    assert training_places(10, 10).tolist() == list(range(10))
    assert training_places(10, 3).tolist() == [1, 5, 8]
    assert np.diff(training_places(1_000_003, 1000)).max() <= 1001
