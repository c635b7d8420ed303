"""What a search costs above FAISS itself: a Flat segment of 20,000 x 64, k = 10, against `search_c` on the same.

    python benchmarks/search_overhead.py [--rows 20000] [--dim 64] [--repeats 3000]

Prints medians of interleaved calls in one process, and their ratio to search_c with buffers kept. Wanted (issue 2): one
query <= 1.25, a batch of 1,000 <= 1.03. lookalike takes one thread for one query and picks the kernel by the batch, so
its ratio may be far below 1; "search_c by product" is search_c made to take the same kernel.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from lookalike import Collection
from lookalike.indexer.engine.library import faiss
from lookalike.indexer.engine.threads import by_product
from lookalike.indexer.segments.instances import Instances


def search_c(index: object, queries: np.ndarray, k: int) -> Callable[[], object]:
    """FAISS's own call with kept buffers."""
    scores, rows = np.empty((len(queries), k), np.float32), np.empty((len(queries), k), np.int64)
    pointers = faiss.swig_ptr(queries), faiss.swig_ptr(scores), faiss.swig_ptr(rows)
    buffers = scores, rows, queries
    search = index.search_c  # type: ignore[attr-defined]
    return lambda: (search(len(queries), pointers[0], k, pointers[1], pointers[2]), buffers)


def by_kernel(call: Callable[[], object], dim: int) -> Callable[[], object]:
    """The same call, as a matrix product."""

    def run() -> None:
        with by_product(dim):
            call()

    return run


def medians(calls: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Median microseconds of each call, called in turn."""
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(repeats):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) * 1e6 for name, times in taken.items()}


def main() -> None:
    """Build, time, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--repeats", type=int, default=3_000)
    asked = parser.parse_args()
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((asked.rows + 1000, asked.dim))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    with tempfile.TemporaryDirectory() as folder, Collection.create(Path(folder) / "shop") as shop:
        shop.add(vectors[: asked.rows], [str(i) for i in range(asked.rows)])
        shop.index(spec="Flat", device="cpu")
        instances = Instances(shop._view.store, "cpu")
        every = faiss.omp_get_max_threads()
        print(f"Flat {asked.rows} x {asked.dim}, k = 10, {every} threads at most; medians in us, ratio to search_c")
        for threads in sorted({1, every}):
            faiss.omp_set_num_threads(threads)
            for nq in (1, 1000):
                queries = np.ascontiguousarray(vectors[asked.rows : asked.rows + nq])
                instances.search(queries, 10)
                calls = {
                    "search_c": search_c(instances.segments()[0].index, queries, 10),
                    "Instances.search": lambda q=queries: instances.search(q, 10),
                    "Collection.search": lambda q=queries: shop.search(q, 10),
                }
                if nq > 1:
                    calls["search_c by product"] = by_kernel(calls["search_c"], asked.dim)
                found = medians(calls, max(15, asked.repeats // nq))
                line = ", ".join(f"{name} {us:.1f} ({us / found['search_c']:.3f})" for name, us in found.items())
                print(f"{threads} thread(s), batch {nq}: {line}")


if __name__ == "__main__":
    main()
