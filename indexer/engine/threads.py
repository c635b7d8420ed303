"""How FAISS runs one call: the number of threads and the kernel, chosen for each call from measurements.

One query uses one thread: Flat 20k x 64 took 100 us on one thread and 200 to 320 us with a team of two, since FAISS
divides queries among threads, never the rows of one query. OpenMP keeps its number of threads per calling thread, so
setting it does not affect other threads.

From about 8 queries on, a matrix product is 1.5 to 5 times as fast as FAISS's own loop (2k to 100k rows, d 64 to 1280),
while FAISS waits until nq * d = 128,000. That threshold is one number per process: a call of another thread at that
moment gets the other kernel, but never another answer. The product is computed in blocks of 1,024 rows, and a team of
threads waits for all its members at the end of each, which on a busy machine costs more than it brings. So large
batches are cut, and each thread computes the products of its own queries.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from .library import faiss

PRODUCT_FROM = 8  # queries
WORTH_A_THREAD = 1e8  # multiplications: some 4 ms
_THRESHOLD = faiss.cvar.distance_compute_blas_threshold
get_threads: Callable[[], int] = faiss.omp_get_max_threads
set_threads = faiss.omp_set_num_threads


@contextmanager
def on_one_thread() -> Iterator[None]:
    """Run the FAISS calls within on the calling thread alone."""
    before = get_threads()
    set_threads(1)
    try:
        yield
    finally:
        set_threads(before)


@contextmanager
def by_product(dim: int) -> Iterator[None]:
    """Let FAISS compare 8 or more queries of `dim` dimensions by matrix products."""
    faiss.cvar.distance_compute_blas_threshold = min(PRODUCT_FROM * dim, _THRESHOLD)
    try:
        yield
    finally:
        faiss.cvar.distance_compute_blas_threshold = _THRESHOLD


def threads_for(nq: int, n: int, dim: int) -> int:
    """How many threads compare `nq` queries with all of `n` rows."""
    if nq < PRODUCT_FROM:
        return min(nq, get_threads())
    return max(1, min(get_threads(), nq // PRODUCT_FROM, int(nq * n * dim / WORTH_A_THREAD)))


def compared(search: Callable[[slice], object], nq: int, n: int, dim: int) -> None:
    """Call `search` for all `nq` queries of an exhaustive comparison with `n` rows, in one slice or one per thread."""
    if nq == 1:
        with on_one_thread():
            search(slice(0, 1))
    elif nq < PRODUCT_FROM:
        search(slice(0, nq))
    else:
        with by_product(dim):
            _shared_out(search, nq, threads_for(nq, n, dim))


def _shared_out(search: Callable[[slice], object], nq: int, threads: int) -> None:
    if threads == 1:
        with on_one_thread():
            search(slice(0, nq))
        return

    def one(piece: int) -> None:
        set_threads(1)
        search(slice(nq * piece // threads, nq * (piece + 1) // threads))

    with ThreadPoolExecutor(threads) as pool:  # a new one each time, since a pool does not survive a fork
        list(pool.map(one, range(threads)))
