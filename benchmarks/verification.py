"""Same or different over all pairs of images: seconds and peak memory, each measured in a process of its own.

    python benchmarks/verification.py [--images 10000 20000] [--dim 64] [--classes 100] [--peer]

Prints AUC, EER, TPR at FPR 1e-3 and the points of the ROC kept, all exact. Wanted (issue 3): 10,000 images, 50 million
pairs, in under 1 GB. --peer also runs scikit-learn's roc_curve and roc_auc_score over all scores at once, whose values
must agree; it takes several GB.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np


def main() -> None:
    """Measure each number of images apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=[10_000, 20_000])
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--peer", action="store_true")
    parser.add_argument("--child", choices=("ours", "peer"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        print(json.dumps(measure(asked.child, asked.images[0], asked.dim, asked.classes)))
        return
    for images in asked.images:
        for who in ("ours", "peer") if asked.peer else ("ours",):
            given = ["--images", str(images), "--dim", str(asked.dim), "--classes", str(asked.classes)]
            command = [sys.executable, __file__, *given, "--child", who]
            print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip(), flush=True)


def measure(who: str, images: int, dim: int, classes: int) -> dict:
    """Draw the same clusters for both, and measure one of them."""
    rng = np.random.default_rng(0)
    codes = rng.integers(0, classes, images)
    rows = rng.standard_normal((classes, dim))[codes] + 1.5 * rng.standard_normal((images, dim))
    vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    del rows
    run = ours if who == "ours" else peer
    before, start = peak_mb(), time.perf_counter()
    values = run(vectors, codes)
    taken = round(time.perf_counter() - start, 2)
    pairs = images * (images - 1) // 2
    return {"who": who, "images": images, "dim": dim, "pairs": pairs, "seconds": taken} | {
        "peak_mb": peak_mb(),
        "peak_mb_before": before,
        **values,
    }


def ours(vectors: np.ndarray, codes: np.ndarray) -> dict:
    """The streamed curve."""
    from lookalike.measures.pairs import pair_curve

    curve = pair_curve(vectors, codes)
    return {"auc": curve.auc, "eer": curve.eer, "tpr_at_fpr_1e-3": curve.tprs[0], "points": len(curve.fpr)}


def peer(vectors: np.ndarray, codes: np.ndarray) -> dict:
    """scikit-learn on all scores at once."""
    from sklearn.metrics import roc_auc_score, roc_curve

    upper = np.triu(np.ones((len(codes), len(codes)), bool), 1)
    scores, same = (vectors @ vectors.T)[upper], (codes[:, None] == codes)[upper]
    del upper
    fpr, tpr, _ = roc_curve(same, scores, drop_intermediate=False)
    crossing = int(np.argmax(fpr >= 1 - tpr))
    return {
        "auc": float(roc_auc_score(same, scores)),
        "eer": float((fpr[crossing] + 1 - tpr[crossing]) / 2),
        "tpr_at_fpr_1e-3": float(tpr[fpr <= 1e-3].max()),
        "points": len(fpr),
    }


def peak_mb() -> int:
    """The most memory this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> 20 if sys.platform == "darwin" else peak >> 10


if __name__ == "__main__":
    main()
