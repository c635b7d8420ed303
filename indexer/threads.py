"""How FAISS should run one call: threads and kernel, measured, per call.

One query on one thread: Flat 20k x 64 took 100 us on one thread and 200 to 320 us with a team of two, since FAISS
shares out queries, never the rows of one query. OpenMP keeps its number of threads per calling thread, so setting it
disturbs no one. From about 8 queries on a matrix product beats FAISS's own loop 1.5 to 5 times (2k to 100k rows, d 64
to 1280), where FAISS waits until nq * d = 128,000. That threshold is one number per process: another thread's call
that meets it gets the other kernel, never another answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from .library import faiss

PRODUCT_FROM = 8  # queries
_THRESHOLD = faiss.cvar.distance_compute_blas_threshold
get_threads = faiss.omp_get_max_threads
set_threads = faiss.omp_set_num_threads


@contextmanager
def threads_for(nq: int, dim: int, flat: bool) -> Iterator[None]:
    """Run the FAISS searches within as suits `nq` queries; `flat` where the index compares all rows."""
    if nq == 1:
        before = get_threads()
        set_threads(1)
        try:
            yield
        finally:
            set_threads(before)
    elif flat and nq >= PRODUCT_FROM and nq * dim < _THRESHOLD:
        faiss.cvar.distance_compute_blas_threshold = nq * dim
        try:
            yield
        finally:
            faiss.cvar.distance_compute_blas_threshold = _THRESHOLD
    else:
        yield
