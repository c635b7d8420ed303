"""What "auto" chooses, what an index weighs, and FAISS's own words made short."""

import numpy as np
import pytest

from lookalike.indexer.faiss_files import size_of
from lookalike.indexer.library import short
from lookalike.indexer.specs import automatic, choose_spec, empty_index, estimated_bytes, validated
from lookalike.store.errors import LookalikeError


@pytest.mark.parametrize(
    ("n", "dim", "spec"),
    [
        (1, 64, "Flat"),
        (50_000, 64, "Flat"),
        (50_001, 64, "IVF894,Flat"),
        (20_000, 784, "IVF512,Flat"),
        (1_000_000, 64, "IVF4000,Flat"),
        (100_000_000, 64, "IVF40000_HNSW32,Flat"),
    ],
)
def test_auto_by_size(n, dim, spec):
    assert choose_spec("auto", n, dim, None) == (spec, None)


def test_auto_takes_a_smaller_code_for_less_memory_and_says_so():
    seen = []
    for memory in (300, 80, 50, 10):
        try:
            spec, note = choose_spec("auto", 1_000_000, 64, memory * 1_000_000)
        except LookalikeError as error:
            seen.append(str(error)[:36])
            continue
        assert estimated_bytes(spec, 1_000_000, 64) <= memory * 1_000_000
        assert (note is None) == (spec == "IVF4000,Flat")
        seen.append(spec)
    assert seen == ["IVF4000,Flat", "IVF4000,SQ8", "IVF4000,PQ32x4fs", "spec 'IVF4000,PQ32x4fs' takes about "]


@pytest.mark.parametrize(
    "spec", ["Flat", "SQ8", "IVF16,Flat", "IVF16,SQ8", "HNSW16", "HNSW32,SQ8", "IVF16,PQ8x4fs,RFlat", "PCA8,SQ8"]
)
def test_estimated_bytes_are_the_file_s(rng, spec):
    vectors = rng.standard_normal((5000, 32)).astype(np.float32)
    index = empty_index(spec, 32)
    index.train(vectors)
    index.add(vectors)
    assert abs(estimated_bytes(spec, 5000, 32) / size_of(index) - 1) < 0.05


def test_a_refusal_never_recommends_what_is_too_large_too():
    with pytest.raises(LookalikeError, match=r"more than --memory 10000000: 25024000 bytes work$"):
        choose_spec("auto", 1_000_000, 64, 10_000_000)
    with pytest.raises(LookalikeError, match=r"more than --memory 200000000: IVF4000,PQ32x4fs \(\d+ bytes\), or"):
        choose_spec("HNSW32", 1_000_000, 64, 200_000_000)


def test_every_dimension_has_specs():
    for dim in (1, 2, 3, 5, 7, 64, 97, 784):
        for n in (1, 38, 1000, 60_000, 1_000_000):
            for spec in automatic(n, dim):
                assert validated(spec, dim) == spec


def test_id_maps_are_taken_out():
    assert validated("IDMap,Flat", 8) == validated("Flat,IDMap2", 8) == "Flat"


def test_short():
    long = "Error in void f(int, char) at /project/faiss/X.cpp:12: Error: 'a == b' failed: a is\n not b"
    assert short(RuntimeError(long)) == "a is not b"
    assert short(RuntimeError("plain")) == "plain"
