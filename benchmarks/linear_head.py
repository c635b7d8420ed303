"""How long a linear head takes to fit, and what it reaches: unit rows around class centres, the same number held out.

    python benchmarks/linear_head.py [--sizes 60000x64x10 20000x64x1000] [--penalty 10] [--spread 0.9]

Prints a line for each size: seconds and iterations of `fit_logistic` as `lookalike calibrate --by linear` calls it, the
peak of memory, and the accuracy on held-out rows beside that of the nearest prototype.
"""

import argparse
import resource
import time

import numpy as np

from lookalike import PrototypeClassifier
from lookalike.search.linear_fit import fit_logistic
from lookalike.search.stored_head import INVERSE_PENALTY, MOST_ITERATIONS, TOLERANCE


def rows_around_centres(n: int, dim: int, classes: int, spread: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit rows (n, dim) float32 and their classes; the centres are the same for every seed."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(12).normal(size=(classes, dim))
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    codes = np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)])
    rows = centres[codes] + spread / np.sqrt(dim) * rng.normal(size=(n, dim))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), codes


def main() -> None:
    """Fit and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["60000x64x10", "20000x64x1000"], metavar="ROWSxDIMxCLASSES")
    parser.add_argument("--penalty", type=float, nargs="+", default=[INVERSE_PENALTY])
    parser.add_argument("--spread", type=float, default=2.0)
    options = parser.parse_args()
    for size in options.sizes:
        n, dim, classes = map(int, size.split("x"))
        rows, codes = rows_around_centres(n, dim, classes, options.spread, 1)
        held, held_codes = rows_around_centres(n, dim, classes, options.spread, 2)
        prototype = PrototypeClassifier().fit(rows, codes).score(held, held_codes)
        for penalty in options.penalty:
            settings = {"inverse_penalty": penalty, "most": MOST_ITERATIONS, "tolerance": TOLERANCE}
            start = time.perf_counter()
            fitted = fit_logistic(rows, codes, classes, **settings)
            seconds = time.perf_counter() - start
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
            said = (held @ fitted.weights.T + fitted.biases).argmax(axis=1)
            print(
                f"{size} C={penalty:g}: {seconds:.1f} s, {fitted.iterations} iterations"
                f"{'' if fitted.converged else ' (not converged)'}, accuracy {(said == held_codes).mean():.4f} "
                f"(nearest prototype {prototype:.4f}), peak {peak} MiB",
                flush=True,
            )


if __name__ == "__main__":
    main()
