"""What "auto" chooses, what an index weighs, and FAISS's own words made short."""

import math
import re

import numpy as np
import pytest

from lookalike.indexer.engine import specs
from lookalike.indexer.engine.faiss_files import size_of
from lookalike.indexer.engine.library import short
from lookalike.indexer.engine.specs import automatic, choose_spec, empty_index, estimated_bytes, validated
from lookalike.indexer.engine.weight import shown
from lookalike.store.errors import LookalikeError
from lookalike.store.sizes import parse_size


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
    for memory in (300, 80, 60, 50, 30, 20, 14, 10, 5, 4):
        try:
            spec, note = choose_spec("auto", 1_000_000, 64, memory * 1_000_000)
        except LookalikeError as error:
            seen.append(str(error)[:24])
            continue
        assert estimated_bytes(spec, 1_000_000, 64) <= memory * 1_000_000
        assert (note is None) == (spec == "IVF4000,Flat")
        seen.append(spec)
    codes = ["SQ8", "SQ6", "SQ4", "PQ32x4fs", "PQ16x4fs", "PQ8x4fs"]
    with_lists = [f"IVF4000,{code}" for code in ["Flat", *codes]]
    assert list(dict.fromkeys(seen)) == [*with_lists, "PQ16x4fs", "PQ8x4fs", "spec 'PQ8x4fs' takes up "]
    # Lists cost 8 bytes a row for ids alone: where they do not fit, the largest code without them does.
    assert (
        choose_spec("auto", 60_000, 16, 300_000)[0] == "PQ8x4fs" and choose_spec("auto", 60_000, 7, 300_000)[0] == "SQ4"
    )


@pytest.mark.parametrize(("n", "dim"), [(5000, 32), (60_000, 8), (6000, 10), (4100, 7), (5000, 784), (50, 64)])
def test_all_that_auto_considers_takes_at_most_what_is_estimated(rng, monkeypatch, n, dim):
    monkeypatch.setattr(specs, "GRAPH_QUANTISER", 200)  # with a graph over the lists of the largest
    vectors = rng.standard_normal((n, dim)).astype(np.float32)
    found = automatic(n, dim)
    for spec in found:
        index = empty_index(spec, dim)
        if not index.is_trained:
            index.train(vectors[:2000])
        index.add(vectors)
        assert size_of(index) <= estimated_bytes(spec, n, dim) < 1.15 * size_of(index) + 1000, spec
    for kind in (True, False):  # with and without lists
        sizes = [estimated_bytes(spec, n, dim) for spec in found if spec.startswith("IVF") == kind]
        assert n < 4096 or sizes == sorted(sizes, reverse=True)


def test_lists_that_each_begin_a_block_of_codes_take_what_is_estimated():
    places = np.eye(64, dtype=np.float32)
    index = empty_index("IVF64,PQ32x4fs", 64)
    index.quantizer.add(places)
    index.train(np.tile(places, (40, 1)))
    index.add(np.tile(places, (33, 1)))
    assert {index.invlists.list_size(i) for i in range(64)} == {33}
    assert 0.99 * estimated_bytes("IVF64,PQ32x4fs", 33 * 64, 64) < size_of(index)
    assert size_of(index) <= estimated_bytes("IVF64,PQ32x4fs", 33 * 64, 64)


@pytest.mark.parametrize(
    "spec",
    [
        "Flat",
        "SQ8",
        "IVF16,Flat",
        "IVF16,SQ8",
        "HNSW16",
        "HNSW32,SQ8",
        "IVF16,PQ8x4fs,RFlat",
        "PCA8,SQ8",
        "PQ8np",
        "RQ2x6",
        "NSG16",
    ],
)
def test_estimated_bytes_are_about_the_file_s(rng, spec):
    vectors = rng.standard_normal((5000, 32)).astype(np.float32)
    index = empty_index(spec, 32)
    index.train(vectors)
    index.add(vectors)
    assert 1 <= estimated_bytes(spec, 5000, 32) / size_of(index) < 1.05


@pytest.mark.parametrize(
    ("asked", "memory", "words"),
    [
        (
            "auto",
            "3M",
            r"spec 'PQ8x4fs' takes up to 3\.9MB for 1000000 rows, more than --memory 3MB: use --memory \S+",
        ),
        ("HNSW32", "190M", r"more than --memory 190MB: use auto, or --memory 5\d\d(\.\d)?MB"),
        ("HNSW32", "3M", r"more than --memory 3MB: use PQ8x4fs with --memory 3\.9MB, or --memory 5\d\d(\.\d)?MB"),
    ],
)
def test_a_refusal_names_what_works_when_it_is_typed_back(asked, memory, words):
    with pytest.raises(LookalikeError, match=f"{words}$") as caught:
        choose_spec(asked, 1_000_000, 64, parse_size(memory))
    said = re.split(": ", str(caught.value))[1]
    for spec, size in re.findall(r"(?:(\w+) with )?--memory ([^ ,]+)", said):
        assert choose_spec(spec or asked, 1_000_000, 64, parse_size(size))[0] in (asked, "PQ8x4fs")


def test_a_size_that_is_shown_suffices_when_it_is_typed_back(rng):
    for size in (1, 1023, 1024, 1025, 9_877_136, *(rng.integers(1, 1 << 52, 500) >> rng.integers(0, 40, 500)).tolist()):
        assert size <= parse_size(shown(size)) <= 1.11 * size
        assert parse_size(shown(size, math.floor)) <= size
    assert [shown(n) for n in (1000, 3 << 20, 9_877_136)] == ["1000B", "3MB", "9.5MB"]


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
