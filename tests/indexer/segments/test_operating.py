"""Operating points of collections with several segments, and of what is searched at them."""

import numpy as np
import pytest

from lookalike.indexer import plan
from lookalike.indexer.index import index
from lookalike.indexer.segments.instances import Instances
from lookalike.indexer.segments.operating import operating_points


def unit(rng, n, d=8):
    x = rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def two(shop, rng, monkeypatch):
    """IVF8,Flat over 2000 rows, and Flat over 90."""
    monkeypatch.setattr(plan, "SMALL", 100)
    made = shop(unit(rng, 2000))
    index(made.path, spec="IVF8,Flat", recall=0.8)
    made.add(unit(rng, 90))
    index(made.path, spec="IVF8,Flat", recall=0.8)
    assert [entry.spec for entry in made.open().content.segments] == ["IVF8,Flat", "Flat"]
    return made


def test_a_flat_segment_beside_an_approximate_one_takes_none_of_its_knobs(two, rng):
    queries, found = unit(rng, 40), Instances(two.open(), "cpu")
    points = operating_points(found)
    assert [point.spec for point in points] == ["exact"] + ["IVF8,Flat"] * (len(points) - 1) and len(points) >= 3
    assert sum(point.chosen for point in points) == 1
    for point in points:
        applied = point.applied(found)
        two.check_own(queries, applied.search(queries, 5, exact=point.exact))
        if not point.exact:
            assert [part.parameters for part in applied.segments()] == [point.parameters, {}]
    two.check(queries, 5, found.tuned({"nprobe": 8}).search(queries, 5))


def test_each_segment_keeps_the_knobs_that_are_not_set(shop, rng):
    made = shop(unit(rng, 1500))
    index(made.path, spec="IVF8,SQ8")
    tuned = made.open().content.segments[0].parameters
    found = Instances(made.open(), "cpu").tuned({"nprobe": 7, "efSearch": 99})
    assert found.segments()[0].parameters == {**tuned, "nprobe": 7} != tuned


def test_an_approximate_segment_is_swept_though_the_tail_is_larger(shop, rng):
    made = shop(unit(rng, 1000))
    index(made.path, spec="IVF64,Flat", recall=0.5)
    made.add(unit(rng, 2000))
    points = operating_points(Instances(made.open(), "cpu"))
    assert {(point.spec, point.exact) for point in points} == {("exact", True), ("IVF64,Flat", False)}
    assert [point.exact for point in points if point.chosen] == [False] and len(points) >= 4


def test_what_only_compares_has_one_point(shop, rng):
    made = shop(unit(rng, 50))
    for spec in ("exact", "Flat"):
        (point,) = operating_points(Instances(made.open(), "cpu"))
        assert (point.spec, point.parameters, point.chosen, point.exact) == (spec, {}, True, True)
        index(made.path)
