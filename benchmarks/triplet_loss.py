"""Mining + triplet loss, forward and backward: lookalike against pytorch-metric-learning, interleaved in one run.

    python benchmarks/triplet_loss.py [--mining semi-hard all hard] [--threads 1 2] [--rounds 5] [--dim 64] [--json]

A round times the peer once and ours several times, and takes the ratio of the peer to ours' median; the table shows
the medians over the rounds and the spread of the ratios. Memory is the growth of a fresh process's peak by one step.
Before anything is timed, value and gradient are compared.
"""

import argparse
import json
import platform
import re
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch
from pytorch_metric_learning import losses, miners

from lookalike.embedder.losses.triplet import triplet

TARGETS = {(128, 4): 5, (16, 32): 13, (16, 64): 30}  # batches (classes, images) and the ratios asked of them
MARGIN = 0.2
OURS_A_ROUND = 7


def batch(classes: int, images: int, dim: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Unit rows early in training: classes are clusters that overlap."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(classes).repeat_interleave(images)
    points = torch.randn(classes, dim, generator=generator)[labels] + torch.randn(len(labels), dim, generator=generator)
    return torch.nn.functional.normalize(points, dim=1).requires_grad_(), labels


def ours(points: torch.Tensor, labels: torch.Tensor, mining: str) -> torch.Tensor:
    loss = triplet(points, labels, margin=MARGIN, mining=mining).loss
    loss.backward()
    return loss.detach()


def peer(points: torch.Tensor, labels: torch.Tensor, mining: str) -> torch.Tensor:
    kind = mining.replace("-", "")
    miner = miners.BatchHardMiner() if mining == "hard" else miners.TripletMarginMiner(MARGIN, kind)
    loss = losses.TripletMarginLoss(MARGIN)(points, labels, miner(points, labels))
    loss.backward()
    return loss.detach()


Side = Callable[[torch.Tensor, torch.Tensor, str], torch.Tensor]


def milliseconds(side: Side, points: torch.Tensor, labels: torch.Tensor, mining: str) -> float:
    points.grad = None
    start = time.perf_counter()
    side(points, labels, mining)
    return 1e3 * (time.perf_counter() - start)


def differences(points: torch.Tensor, labels: torch.Tensor, mining: str) -> tuple[float, float]:
    """Relative differences of value and gradient."""
    answers = []
    for side in (peer, ours):
        points.grad = None
        answers.append((side(points, labels, mining).item(), points.grad.clone()))
    (value, gradient), (our_value, our_gradient) = answers
    return abs(our_value - value) / value, ((our_gradient - gradient).norm() / gradient.norm()).item()


def peak_growth(name: str, classes: int, images: int, dim: int, mining: str) -> float:
    """MiB that one step adds to the peak of this process."""
    side = {"ours": ours, "peer": peer}[name]
    side(*batch(2, 2, dim), mining)
    before = peak()
    side(*batch(classes, images, dim), mining)
    return (peak() - before) / 2**20


def peak() -> int:
    if sys.platform == "linux":  # where getrusage counts the parent's memory too
        status = Path("/proc/self/status").read_text()
        return int(re.findall(r"VmHWM:\s*(\d+) kB", status)[0]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def fresh_peak_growth(*arguments: object) -> float:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(peak_growth, *arguments).result()


def compare(classes: int, images: int, mining: str, threads: int, rounds: int, dim: int) -> dict:
    torch.set_num_threads(threads)
    points, labels = batch(classes, images, dim)
    value, gradient = differences(points, labels, mining)
    peers, our, ratios = [], [], []
    for _ in range(rounds):
        peers.append(milliseconds(peer, points, labels, mining))
        our.append(statistics.median(milliseconds(ours, points, labels, mining) for _ in range(OURS_A_ROUND)))
        ratios.append(peers[-1] / our[-1])
    return {
        "batch": f"{classes} x {images}",
        "mining": mining,
        "threads": threads,
        "peer_ms": statistics.median(peers),
        "ours_ms": statistics.median(our),
        "ratio": statistics.median(ratios),
        "ratio_low": min(ratios),
        "ratio_high": max(ratios),
        "target": None if mining == "hard" else TARGETS[classes, images],
        "peer_mib": fresh_peak_growth("peer", classes, images, dim, mining),
        "ours_mib": fresh_peak_growth("ours", classes, images, dim, mining),
        "value_difference": value,
        "gradient_difference": gradient,
    }


COLUMNS = "{:>9} {:>10} {:>7} {:>9} {:>8} {:>7} {:>13} {:>7} {:>9} {:>9} {:>9} {:>9}"
HEADINGS = "batch mining threads PML_ms ours_ms ratio spread target PML_MiB ours_MiB value_± grad_±"


def line(row: dict) -> str:
    return COLUMNS.format(
        row["batch"],
        row["mining"],
        row["threads"],
        f"{row['peer_ms']:.1f}",
        f"{row['ours_ms']:.2f}",
        f"{row['ratio']:.1f}",
        f"{row['ratio_low']:.1f}-{row['ratio_high']:.1f}",
        row["target"] or "-",
        f"{row['peer_mib']:.0f}",
        f"{row['ours_mib']:.0f}",
        f"{row['value_difference']:.1e}",
        f"{row['gradient_difference']:.1e}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="triplet loss against pytorch-metric-learning")
    parser.add_argument("--mining", nargs="+", default=["semi-hard", "all"], choices=["semi-hard", "all", "hard"])
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    settings = parser.parse_args()
    if not settings.json:
        print(f"torch {torch.__version__}, {platform.machine()}, dim {settings.dim}, {settings.rounds} rounds")
        print(COLUMNS.format(*(heading.replace("_", " ") for heading in HEADINGS.split())))
    for mining in settings.mining:
        for classes, images in TARGETS:
            for threads in settings.threads:
                row = compare(classes, images, mining, threads, settings.rounds, settings.dim)
                print(json.dumps(row) if settings.json else line(row), flush=True)


if __name__ == "__main__":
    main()
