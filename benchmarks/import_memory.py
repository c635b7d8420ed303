"""Peak memory of importing 100,000 and 1,000,000 vectors of 64 dimensions: `python benchmarks/import_memory.py`.

Each import runs in a process of its own, from a .npy file into a new collection; the peak is its largest resident set,
mapped files included. The ratio should stay near 1: memory must not grow with what is imported.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

DIM = 64
IMPORT = """
import json, resource, sys, time
from lookalike.store.ingest import import_vectors
counts = import_vectors(sys.argv[1], sys.argv[2], normalise=True)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"rows": counts["added"], "peak_mb": peak / 1e6, "seconds": time.process_time()}))
"""


def write_vectors(path: Path, rows: int) -> None:
    """Random vectors as a .npy file, written in blocks: a child's peak would count what its parent held."""
    random = np.random.default_rng(0)
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, DIM)}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, 10_000):
            random.standard_normal((min(10_000, rows - start), DIM), dtype=np.float32).tofile(file)


def measure(rows: int) -> dict[str, float]:
    """Import `rows` vectors in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        write_vectors(Path(folder, "vectors.npy"), rows)
        command = [sys.executable, "-c", IMPORT, f"{folder}/shop", f"{folder}/vectors.npy"]
        return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def main() -> None:
    """Print both peaks and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs=2, default=[100_000, 1_000_000])
    small, large = (measure(rows) for rows in parser.parse_args().rows)
    for each in (small, large):
        rate = each["rows"] / each["seconds"]
        print(f"{each['rows']:>10,} rows: peak {each['peak_mb']:.0f} MB, {rate:,.0f} rows per core-second")
    print(f"ratio of the peaks: {large['peak_mb'] / small['peak_mb']:.2f}")


if __name__ == "__main__":
    main()
