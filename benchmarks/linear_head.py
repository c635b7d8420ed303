"""How long a linear head takes to fit, and what it reaches: unit rows around class centres, the same number held out.

    python benchmarks/linear_head.py [--sizes 60000x64x10 20000x64x1000] [--spread 2] [--collection C --source S]

Prints a line for each size, whitened and not: seconds, processor seconds and iterations of `fit_logistic` as
`lookalike calibrate --by linear` calls it, the peak of memory, and the accuracy on held-out rows beside that of the
nearest prototype. With a collection and a labelled source of its model, these are the rows.
"""

import argparse
import resource
import time

import numpy as np

from lookalike import PrototypeClassifier
from lookalike.search.calibrating.labelled_source import LabelledSource
from lookalike.search.linear.fit import Settings, fit_logistic
from lookalike.search.view import View
from lookalike.store.progress import silent


def rows_around_centres(n: int, dim: int, classes: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows (n, dim) float32 and their classes; the centres are the same for every seed."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(12).normal(size=(classes, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    codes = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    rows = centres[codes] + spread / np.sqrt(dim) * rng.normal(size=(n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), codes


def rows_of(path: str, source: str) -> tuple[np.ndarray, ...]:
    """The labelled rows of a collection and their classes, and those of the source's images whose classes it has."""
    with View.open(path) as view:
        rows = view.store.live_rows()
        rows = rows[view.store.codes(rows) >= 0]
        place = {name: code for code, name in enumerate(view.store.classes)}
        encoded = view.images.encode_source(LabelledSource.of(source), silent)
        held = np.array([place.get(label or "", -1) for label in encoded.labels])
        known = held >= 0
        return (
            view.store.gather(rows),
            view.store.codes(rows),
            encoded.vectors[known],
            held[known],
        )


def measure(name: str, rows: np.ndarray, codes: np.ndarray, held: np.ndarray, held_codes: np.ndarray) -> None:
    """Fit and print, whitened and not."""
    prototype = PrototypeClassifier().fit(rows, codes).score(held, held_codes)
    for whiten in (False, True):
        start, start_cpu = time.perf_counter(), time.process_time()
        fitted = fit_logistic(rows, codes, int(codes.max()) + 1, Settings(whiten=whiten))
        seconds, processor = time.perf_counter() - start, time.process_time() - start_cpu
        right = ((held @ fitted.weights.T + fitted.biases).argmax(axis=1) == held_codes).mean()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(
            f"{name}{' whitened' if whiten else ''}: {seconds:.1f} s ({processor:.1f} s of processors), "
            f"{fitted.iterations} iterations{'' if fitted.converged else ' (not converged)'}, accuracy {right:.4f} "
            f"(nearest prototype {prototype:.4f}), peak {peak} MiB",
            flush=True,
        )


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="*", default=["60000x64x10", "20000x64x1000"], metavar="ROWSxDIMxCLASSES")
    parser.add_argument("--spread", type=float, default=2.0)
    parser.add_argument("--collection")
    parser.add_argument("--source")
    options = parser.parse_args()
    if options.collection:
        measure(options.collection, *rows_of(options.collection, options.source))
        return
    for size in options.sizes:
        n, dim, classes = map(int, size.split("x"))
        data = [*rows_around_centres(n, dim, classes, options.spread, 1)]
        measure(size, *data, *rows_around_centres(n, dim, classes, options.spread, 2))


if __name__ == "__main__":
    main()
