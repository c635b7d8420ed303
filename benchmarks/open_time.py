"""How long a checked collection takes to open: 1,000,000 x 64 imported and indexed once, opened in fresh processes.

    python benchmarks/open_time.py [--rows 1000000] [--dim 64] [--spec auto] [--folder KEPT]

Each line is the median of five fresh processes: opening (wanted, issue 2: under a second), the first search by vector
after it, which opens the segments, and the first keys(). The interpreter's start and imports are told apart. With
--folder the collection is kept, and used again where it is there.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from lookalike import Collection

_PROBE = """
import json, sys, time
start = time.perf_counter()
import numpy as np
from lookalike.search.collection import Collection
import lookalike.indexer.segments.instances
times = {"imports": time.perf_counter() - start}
def lap(name, work):
    start = time.perf_counter()
    result = work()
    times[name] = time.perf_counter() - start
    return result
shop = lap("open", lambda: Collection.open(sys.argv[1], device="cpu"))
query = np.zeros((1, int(sys.argv[2])), np.float32); query[0, 0] = 1
hits = lap("first search", lambda: shop.search(query, 10))
lap("second search", lambda: shop.search(query, 10))
lap("first keys", lambda: hits.keys())
lap("prototypes", lambda: shop._view.prototypes)
print(json.dumps(times))
"""


def clustered(rows: int, dim: int) -> np.ndarray:
    """Unit rows around 2,000 centres, as embeddings lie."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((2000, dim)).astype(np.float32)
    vectors = centres[rng.integers(0, 2000, rows)]
    for start in range(0, rows, 65_536):
        some = vectors[start : start + 65_536]
        some += 0.7 * rng.standard_normal(some.shape, dtype=np.float32)
        some /= np.linalg.norm(some, axis=1, keepdims=True)
    return vectors


def prepare(folder: Path, rows: int, dim: int, spec: str) -> None:
    """Import and index, and say what that took."""
    vectors = folder.with_suffix(".npy")
    np.save(vectors, clustered(rows, dim))
    with Collection.create(folder, device="cpu") as shop:
        start = time.perf_counter()
        shop.import_vectors(vectors)
        print(f"import {rows} x {dim}: {time.perf_counter() - start:.1f} s", flush=True)
        start = time.perf_counter()
        card = shop.index(spec=spec, device="cpu")
        parameters = card.segments[0].parameters
        print(
            f"index {card.segments[0].spec} {parameters}: {time.perf_counter() - start:.1f} s, {card.bytes} bytes, "
            f"recall@{card.k} {card.recall:.4f} [{card.recall_low:.4f}, {card.recall_high:.4f}]",
            flush=True,
        )
    vectors.unlink()


def main() -> None:
    """Prepare, then open in fresh processes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--spec", default="auto")
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary) / "shop"
        if not folder.exists():
            prepare(folder, asked.rows, asked.dim, asked.spec)
        probe = [sys.executable, "-c", _PROBE, str(folder), str(asked.dim)]
        runs = [json.loads(subprocess.run(probe, check=True, capture_output=True).stdout) for _ in range(6)][1:]
    for name in runs[0]:
        print(f"{name}: {statistics.median(run[name] for run in runs) * 1e3:.2f} ms")


if __name__ == "__main__":
    main()
