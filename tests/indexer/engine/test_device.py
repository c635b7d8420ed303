"""Device choice and GPU searches, with a stand-in for a GPU build of FAISS: none runs in CI."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from lookalike.indexer.engine import device
from lookalike.indexer.engine.device import Device, GpuIndex, choose
from lookalike.indexer.engine.library import faiss
from lookalike.indexer.segments.segment import Segment
from lookalike.store.errors import LookalikeError, LookalikeWarning


def gpu_build(count, copy=lambda *a, **k: "copied", gpus=None):
    """What a GPU build of FAISS adds, for `count` GPUs."""

    def all_gpus(index, co):
        assert co.shard
        return copy(index)

    return SimpleNamespace(
        StandardGpuResources=object,
        GpuMultipleClonerOptions=SimpleNamespace,
        get_num_gpus=gpus or (lambda: count),
        index_cpu_to_gpu=lambda resources, number, index: copy(index),
        index_cpu_to_all_gpus=all_gpus,
        IndexFlat=faiss.IndexFlat,
    )


@pytest.fixture(autouse=True)
def nothing_said():
    device._say.cache_clear()


@pytest.fixture
def use(monkeypatch):
    """use(fake) puts a stand-in where FAISS's GPU part is looked for."""
    device._resources.cache_clear()
    return lambda fake: monkeypatch.setattr(device, "faiss", fake)


def broken():
    raise RuntimeError("CUDA driver version is insufficient for CUDA runtime version")


@pytest.mark.parametrize(
    ("fake", "words"),
    [
        (SimpleNamespace(get_num_gpus=lambda: 0), "no GPU support"),
        (gpu_build(0), "finds no GPU"),
        (gpu_build(0, gpus=broken), "CUDA driver version is insufficient"),
    ],
)
def test_no_gpu_is_the_cpu_unless_it_was_asked_for(use, fake, words):
    use(fake)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        assert choose("auto") == choose("auto") == choose("cpu") == Device("cpu")
    assert [words in str(warning.message) for warning in said] == [True] * hasattr(fake, "StandardGpuResources")
    with pytest.raises(LookalikeError) as caught:
        choose("gpu")
    assert words in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("count", [1, 4])
def test_gpus_are_taken_and_indexes_copied(use, count):
    use(gpu_build(count))
    assert choose("auto") == choose("gpu") == Device("gpu", count)
    assert choose("cpu") == Device("cpu")
    loaded = Device("gpu", count).load(faiss.IndexFlatIP(4))
    assert loaded is not None and loaded.index == "copied"
    assert Device("cpu").load(faiss.IndexFlatIP(4)) is None


def test_an_index_without_a_gpu_form_stays_on_the_cpu_and_says_so(use):
    def refuse(index):
        raise RuntimeError("This index type is not implemented on GPU")

    use(gpu_build(1, copy=refuse))
    with pytest.warns(LookalikeWarning, match="IndexHNSWFlat stays on the CPU"):
        assert Device("gpu", 1).load(faiss.IndexHNSWFlat(4, 8)) is None


class Gpu:
    """Searches like the index it holds, up to `room` queries at once."""

    def __init__(self, index, room):
        self.index, self.room, self.sizes = index, room, []

    def search(self, queries, k):
        self.sizes.append(len(queries))
        if len(queries) > self.room:
            raise RuntimeError("StandardGpuResources: alloc fail, Cuda error out of memory")
        return self.index.search(queries, k)


@pytest.fixture
def flat(rng):
    vectors = rng.standard_normal((300, 8))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    index = faiss.IndexFlatIP(8)
    index.add(vectors)
    return index, vectors


def test_memory_that_runs_out_halves_the_batch(flat):
    index, vectors = flat
    gpu = GpuIndex(Gpu(index, 30), 1)
    with pytest.warns(LookalikeWarning) as said:
        _, ids = gpu.search(vectors[:100], 5)
    assert [str(w.message).split(": ")[1] for w in said] == ["searching 50 at a time", "searching 25 at a time"]
    assert np.array_equal(ids, index.search(vectors[:100], 5)[1])
    gpu.index.sizes.clear()
    gpu.search(vectors[:100], 5)
    assert gpu.index.sizes == [25, 25, 25, 25]


def test_memory_for_not_even_one_query_is_the_cpu_from_then_on(flat):
    index, vectors = flat
    gpu = GpuIndex(Gpu(index, 0), 1)
    with pytest.warns(LookalikeWarning, match="searching on the CPU"):
        assert gpu.search(vectors[:1], 5) is None
    assert gpu.search(vectors[:1], 5) is None and gpu.index.sizes == [1]
    assert GpuIndex(Gpu(index, 99), 1).search(vectors[:1], 2049) is None


def test_whatever_a_gpu_refuses_is_searched_on_the_cpu_from_then_on(flat):
    class Broken:
        def __init__(self):
            self.asked = 0

        def search(self, queries, k):
            self.asked += 1
            raise RuntimeError("Error in x at /project/y.cu:1: Error: 'k <= 4' failed: not on\n this GPU")

    index, vectors = flat
    gpu = GpuIndex(Broken(), 1)
    segment = Segment(index, lambda ids: vectors[ids], gpu=gpu)
    with pytest.warns(LookalikeWarning) as said:
        hits = [segment.search(vectors[:7], 4) for _ in range(2)]
    assert [str(w.message) for w in said] == ["the GPU refuses a search (not on this GPU): searching on the CPU"]
    expected = np.argsort(-(vectors[:7] @ vectors.T), axis=1)[:, :4]
    assert all(np.array_equal(ids, expected) for _, ids in hits) and gpu.index.asked == 1


def test_an_index_that_visits_more_lists_than_a_gpu_can_stays_on_the_cpu(use):
    use(gpu_build(1))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(4), 4, 4096, faiss.METRIC_INNER_PRODUCT)
    index.nprobe = 2048
    assert Device("gpu", 1).load(index) is not None
    index.nprobe = 2049
    with pytest.warns(LookalikeWarning, match="IndexIVFFlat stays on the CPU: its nprobe is 2049") as said:
        assert Device("gpu", 1).load(index) is None and Device("gpu", 1).load(index) is None
    assert len(said) == 1


def test_training_is_left_to_the_cpu_where_the_gpu_does_not_take_it(use):
    use(gpu_build(1, copy=lambda index: broken()))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(4), 4, 4, faiss.METRIC_INNER_PRODUCT)
    with pytest.warns(LookalikeWarning, match="training on the CPU"):
        Device("gpu", 1).help_training(index)
    assert index.clustering_index is None


def test_a_segment_searches_its_gpu_copy_and_filters_on_the_cpu(flat):
    index, vectors = flat
    copy = Gpu(index, 1000)
    live = np.arange(300) % 3 > 0
    for mask, asked in ((None, 1), (live, 0)):
        copy.sizes.clear()
        segment = Segment(index, lambda ids: vectors[ids], live=mask, gpu=GpuIndex(copy, 1))
        _, ids = segment.search(vectors[:20], 4)
        expected = vectors[:20] @ vectors.T
        expected[:, ~live if mask is not None else slice(0, 0)] = -np.inf
        assert np.array_equal(ids, np.argsort(-expected, axis=1)[:, :4])
        assert len(copy.sizes) == asked


def test_an_unknown_device_is_refused():
    with pytest.raises(LookalikeError, match="unknown device 'tpu': use auto, cpu or gpu"):
        choose("tpu")
