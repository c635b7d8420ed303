"""Quality of the shipped recipe on Fashion-MNIST, all its test images against all training images: a JSON line a seed.

    python benchmarks/quality_fashion_mnist.py [--seeds 0 1 2] [--out FOLDER] [--set KEY=VALUE ...]

knn10: accuracy of the vote of the 10 nearest training images (ties to the nearer class). prototype: of the nearest
class prototype; further ways as in losses.py. map_at_r: MAP@R of test images against the training images. seconds: wall
time of the training alone (steps and validations); cpu_seconds: what all cores spent on it. The encoder sees nothing of
the test set in training.
"""

import argparse
import gzip
import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from ways import decided

from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.recipe.recipe import load_recipe
from lookalike.embedder.training.train import train
from lookalike.measures.retrieval import retrieval

FOLDER = Path("/usr/share/datasets/fashion-mnist")


def main() -> None:
    """Train and measure once a seed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--out", help="keep the encoders below this folder; an unfinished training there goes on")
    parser.add_argument("--set", dest="overrides", nargs="+", default=[])
    arguments = parser.parse_args()
    for seed in arguments.seeds:
        overrides = [*arguments.overrides, f"training.seed={seed}"]
        if arguments.out:
            print(json.dumps(measure(Path(arguments.out) / f"seed-{seed}", overrides)), flush=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(measure(Path(folder), overrides)), flush=True)


def measure(out: Path, overrides: list[str]) -> dict:
    """Train by the recipe, then ask with every test image."""
    recipe = load_recipe("fashion-mnist", overrides)
    start, log = time.process_time(), Log()
    card = train(recipe, out, resume=True, progress=log)
    cpu = time.process_time() - start
    encoder = Encoder.load(out)
    vectors, labels = encoder.encode(images("train")), label_codes("train")
    queries, truth = encoder.encode(images("t10k")), label_codes("t10k")
    return {
        "seed": recipe.training.seed,
        **numbers(vectors, labels, queries, truth),
        **others(vectors, labels, queries, truth),
        "dim": card.dim,
        "seconds": round(card.seconds),
        "cpu_seconds": round(cpu),
        "threads": card.threads,
        "steps": card.steps,
        "best_step": card.best_step,
        "precision": card.precision,
        "training_precision": card.training_precision,
        "validation": card.scores,
        "set": overrides,
    }


class Log:
    """A progress that says on stderr, every 100 steps, how it goes."""

    def __call__(self, done: int, total: int | None, note: str) -> None:
        """Print one line."""
        if total and done % 100 == 0:
            import sys

            print(f"{time.strftime('%H:%M:%S')} {done}/{total} {note}", file=sys.stderr, flush=True)


def numbers(vectors: np.ndarray, labels: np.ndarray, queries: np.ndarray, truth: np.ndarray) -> dict[str, float | None]:
    """10-NN and prototype accuracy, recall@1 and MAP@R."""
    classes = np.unique(labels)
    prototypes = np.stack([vectors[labels == c].mean(axis=0) for c in classes])
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    knn = [vote(labels[hits]) == truth[block] for block, hits in ranked(vectors, queries, 10)]
    found = retrieval(queries, truth, vectors, labels)
    return {
        "knn10": float(np.concatenate(knn).mean()),
        "prototype": float((classes[(queries @ prototypes.T).argmax(axis=1)] == truth).mean()),
        "recall_at_1": found.recall_at(1),
        "map_at_r": found.map_at_r(),
    }


def others(vectors: np.ndarray, labels: np.ndarray, queries: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """The accuracy of the ways of `ways.py` that `numbers` has not: several prototypes a class, and a linear head."""
    named = {"learn": labels.astype(str), "ask": truth.astype(str)}
    found = decided({"learn": vectors, "ask": queries}, named)
    return {way: found[way] for way in ("knn, weighted", "3 prototypes", "linear")}


def ranked(vectors: np.ndarray, queries: np.ndarray, k: int) -> Iterator[tuple[slice, np.ndarray]]:
    """For blocks of queries, the k nearest rows, nearest first."""
    for first in range(0, len(queries), 250):
        scores = queries[first : first + 250] @ vectors.T
        nearest = np.argpartition(-scores, k - 1, axis=1)[:, :k]
        order = np.argsort(-np.take_along_axis(scores, nearest, axis=1), axis=1)
        yield slice(first, first + len(scores)), np.take_along_axis(nearest, order, axis=1)


def vote(near: np.ndarray) -> np.ndarray:
    """The most frequent label of each line; among equals the one that comes first in it."""
    counts = (near[:, :, None] == near[:, None, :]).sum(axis=2)
    return near[np.arange(len(near)), counts.argmax(axis=1)]


def images(name: str) -> np.ndarray:
    """The images of "train" or "t10k", uint8 (n, 28, 28, 1)."""
    with gzip.open(FOLDER / f"{name}-images-idx3-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1)


def label_codes(name: str) -> np.ndarray:
    """Their labels, int64 (n,)."""
    with gzip.open(FOLDER / f"{name}-labels-idx1-ubyte.gz") as file:
        return np.frombuffer(file.read(), np.uint8, offset=8).astype(np.int64)


if __name__ == "__main__":
    main()
