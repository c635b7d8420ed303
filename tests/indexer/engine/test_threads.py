"""How many threads a search takes, as counted and as used."""

import numpy as np
import pytest

from lookalike.indexer.engine import threads
from lookalike.indexer.index import index
from lookalike.indexer.segments import instances
from lookalike.indexer.segments.instances import Instances


def unit(rng, n, d=8):
    x = rng.standard_normal((n, d))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def four():
    """Four threads for FAISS."""
    before = threads.get_threads()
    threads.set_threads(4)
    yield
    threads.set_threads(before)


@pytest.mark.parametrize("nq", [1, 3, 7, 8, 31, 32, 64, 1000])
@pytest.mark.parametrize("n", [1, 20_000, 50_000, 10_000_000])
def test_a_comparison_takes_as_many_threads_as_are_counted(four, nq, n):
    seen = []
    threads.compared(lambda some: seen.append((some.stop - some.start, threads.get_threads())), nq, n, 64)
    assert sum(size for size, _ in seen) == nq and (len(seen) == 1 or {team for _, team in seen} == {1})
    assert threads.threads_for(nq, n, 64) == max(len(seen), min(nq, seen[0][1]))


@pytest.mark.parametrize("nq", [1, 8, 64])
@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("kind", ["Flat", "IVF8,SQ8", "tail", "tail on disk"])
def test_instances_count_the_threads_of_their_searches(shop, rng, monkeypatch, four, kind, exact, nq):
    monkeypatch.setattr(threads, "WORTH_A_THREAD", 8 * 8 * 1500)
    monkeypatch.setattr(instances, "TAIL_BYTES", 0 if kind == "tail on disk" else 1 << 20)
    made = shop(unit(rng, 1500))
    if "tail" not in kind:
        index(made.path, spec=kind)
    found, seen, compared = Instances(made.open(), "cpu"), [1], threads._shared_out
    monkeypatch.setattr(threads, "_shared_out", lambda *given: seen.append(given[-1]) or compared(*given))
    found.search(unit(rng, nq), 5, exact=exact)
    most = min(nq, 4) if kind == "IVF8,SQ8" and not exact else max(seen)
    assert found.threads(nq, exact=exact) == most
