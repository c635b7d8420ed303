"""Peak memory of importing 100,000 to 4,000,000 vectors of 64 dimensions: `python benchmarks/import_memory.py`.

Each import runs in a process of its own, from a .npy file into a new collection, and then again from another file in
its place, so that every row is replaced. Two peaks: private memory (anonymous pages, sampled; Linux only), which is
what the import itself needs, and the largest resident set, which counts the mapped files of the collection too, though
those pages belong to the system's cache.

Memory must not grow with what is imported: the ratio of two private peaks is near 1 once the largest merge of lookup
runs (262,144 rows) is reached. 100,000 rows are too few for that.
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
import json, re, resource, sys, threading, time
from pathlib import Path
from lookalike.store.changing.ingest import import_vectors

status, private, done = Path("/proc/self/status"), [0], threading.Event()

def watch():
    while status.exists() and not done.wait(0.02):
        private[0] = max(private[0], 1024 * int(re.search(r"RssAnon:\\s+(\\d+)", status.read_text())[1]))

watcher = threading.Thread(target=watch)
watcher.start()
counts = import_vectors(sys.argv[1], sys.argv[2], normalise=True)
done.set()
watcher.join()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
rows = counts["added"] + counts["replaced"]
print(json.dumps({**counts, "rows": rows, "private": private[0], "peak": peak, "seconds": time.process_time()}))
"""


def write_vectors(path: Path, rows: int, seed: int) -> None:
    """Random vectors as a .npy file, written in blocks: a child's peak would count what its parent held."""
    random = np.random.default_rng(seed)
    header = {"descr": "<f4", "fortran_order": False, "shape": (rows, DIM)}
    with open(path, "wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, rows, 10_000):
            random.standard_normal((min(10_000, rows - start), DIM), dtype=np.float32).tofile(file)


def measure(rows: int) -> list[dict[str, float]]:
    """Import `rows` new vectors, then others in their place, each in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        measured = []
        for seed in range(2):
            write_vectors(Path(folder, "vectors.npy"), rows, seed)
            command = [sys.executable, "-c", IMPORT, f"{folder}/shop", f"{folder}/vectors.npy"]
            measured.append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))
        if (measured[0]["added"], measured[1]["replaced"]) != (rows, rows):
            raise SystemExit(f"{rows} rows were not imported and replaced: {measured}")
        return measured


def main() -> None:
    """Print both peaks of both imports, and how they stand to those of the fewest rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000, 4_000_000])
    measured = [measure(rows) for rows in sorted(parser.parse_args().rows)]
    for what, found in zip(("new", "replaced"), zip(*measured, strict=True), strict=True):
        for each in found:
            rate, ratio = each["rows"] / each["seconds"], each["private"] / (found[0]["private"] or 1)
            print(
                f"{each['rows']:>10,} rows {what}: {each['private'] / 1e6:.0f} MB private ({ratio:.2f}), "
                f"{each['peak'] / 1e6:.0f} MB resident, {rate:,.0f} rows per core-second"
            )


if __name__ == "__main__":
    main()
