"""Peak memory of embedding 30,000 and 300,000 images: `python benchmarks/embed_memory.py [--images 30000 300000]`.

Real garments (Fashion-MNIST, with another corner pixel once all 60,000 are used, so that no content comes twice) in one
IDX file, embedded by `lookalike embed` with a small untrained network into a new collection, by two workers. The
peak is of private memory (anonymous pages, sampled; Linux only), of the driver alone and of driver and workers
together. Memory must not grow with what is embedded: the ratios are near 1.
"""

import argparse
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from embedding_throughput import save_model

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz")
SIDE = 28


def write_images(path: Path, count: int) -> None:
    """Write `count` different images as an IDX file."""
    garments = np.frombuffer(gzip.decompress(FASHION_MNIST.read_bytes()), np.uint8, offset=16).reshape(-1, SIDE, SIDE)
    with open(path, "wb") as file:
        file.write(bytes([0, 0, 8, 3]) + np.array([count, SIDE, SIDE], ">u4").tobytes())
        for turn in range(-(-count // len(garments))):
            images = garments.copy()
            images[:, 0, 0] += np.uint8(turn)
            file.write(images[: count - turn * len(garments)].tobytes())


def private(pid: int) -> int:
    """Bytes of anonymous memory of a process; 0 once it is gone."""
    try:
        return 1024 * int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])
    except (OSError, TypeError):
        return 0


def children(pid: int) -> list[int]:
    """The processes that a process started."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def measure(images: int, folder: Path, model: Path) -> dict[str, float]:
    """Embed `images` images, and watch."""
    write_images(folder / "images", images)
    start = "from lookalike.cli import main; main()"
    command = [sys.executable, "-c", start, "embed", str(folder / f"shop-{images}"), str(folder / "images")]
    command += ["--model", str(model), "--workers", "2", "--json"]
    driver = whole = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
        while run.poll() is None:
            own = private(run.pid)
            driver, whole = max(driver, own), max(whole, own + sum(map(private, children(run.pid))))
            time.sleep(0.02)
        done = json.loads(run.stdout.read())
    if done["embedded"] + done["duplicates"] != images:
        raise SystemExit(f"{images} images were not embedded: {done}")
    return {"images": images, "driver": driver, "all": whole, "seconds": done["seconds"]}


def main() -> None:
    """Print both peaks of both runs, and the ratios of large to small."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs=2, default=[30_000, 300_000])
    wanted = parser.parse_args().images
    with tempfile.TemporaryDirectory() as folder:
        save_model("conv4", Path(folder, "model"))
        small, large = (measure(images, Path(folder), Path(folder, "model")) for images in wanted)
    for each in (small, large):
        driver, whole = each["driver"] / 1e6, each["all"] / 1e6
        rate = each["images"] / each["seconds"]
        print(f"{each['images']:>9,} images: driver {driver:.0f} MB, with workers {whole:.0f} MB, {rate:,.0f} images/s")
    print(f"ratio of the peaks: driver {large['driver'] / small['driver']:.2f}, all {large['all'] / small['all']:.2f}")


if __name__ == "__main__":
    main()
