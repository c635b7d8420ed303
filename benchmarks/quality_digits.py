"""Quality of the shipped recipe on scikit-learn's handwritten digits, two digits held out as unknown: one JSON line.

    python benchmarks/quality_digits.py [--seeds 0 1 2] [--set KEY=VALUE ...]

For each seed and each of five fixed pairs of digits: the recipe `digits` learns the other eight from three quarters of
their images; the remaining quarter asks. recall_at_1: share of queries whose nearest training image has their label.
auroc: known queries against all images of the held-out pair, by the distance to the nearest class prototype (and to the
nearest image). pixels: the same numbers with the 64 raw pixels as vectors.
"""

import argparse
import json
import statistics
import tempfile
import time
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from lookalike.embedder.backbones import preprocessing
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.recipe.recipe import Recipe, load_recipe
from lookalike.embedder.training.train import train_arrays
from lookalike.measures.open_set import auroc

PAIRS = ((0, 1), (2, 3), (4, 5), (6, 7), (8, 9))


def main() -> None:
    """Measure every pair with every seed, and print medians and worsts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--set", dest="overrides", nargs="+", default=[])
    arguments = parser.parse_args()
    runs = []
    for seed in arguments.seeds:
        recipe = load_recipe("digits", [*arguments.overrides, f"training.seed={seed}"])
        runs += [measure(recipe, pair, seed) for pair in PAIRS]
    print(json.dumps({"seeds": arguments.seeds, **summary(runs), "runs": runs}))


def measure(recipe: Recipe, pair: tuple[int, int], seed: int) -> dict[str, Any]:
    """Train without the two digits of `pair`, then ask."""
    digits = load_digits()
    small = (digits.images * 255 / 16).round().astype(np.uint8)[..., None]
    expected = preprocessing(recipe.model.backbone, size=recipe.image.size, channels=recipe.image.channels)
    images = np.stack([expected.apply(image) for image in small])
    known = ~np.isin(digits.target, pair)
    asks = known & (np.random.default_rng(seed).random(len(known)) < 0.25)
    fit = known & ~asks
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        card = train_arrays(images[fit], [str(label) for label in digits.target[fit]], recipe, folder)
        seconds = time.perf_counter() - start
        vectors = Encoder.load(folder).encode(images)
    pixels = small.reshape(len(small), -1).astype(np.float32)
    pixels /= np.linalg.norm(pixels, axis=1, keepdims=True)
    return {
        "unknown": pair,
        "seed": seed,
        **numbers(vectors, digits.target, fit, asks, ~known),
        "pixels": numbers(pixels, digits.target, fit, asks, ~known),
        "seconds": round(seconds, 1),
        "precision": card.precision,
    }


def numbers(vectors: np.ndarray, labels: np.ndarray, fit: np.ndarray, asks: np.ndarray, unknown: np.ndarray) -> dict:
    """recall@1 of known queries and AUROC of known against unknown ones."""
    scores = vectors @ vectors[fit].T
    classes = np.unique(labels[fit])
    prototypes = np.stack([vectors[fit & (labels == c)].mean(axis=0) for c in classes])
    prototypes /= np.linalg.norm(prototypes, axis=1, keepdims=True)
    to_prototype, to_image = distance((vectors @ prototypes.T).max(axis=1)), distance(scores.max(axis=1))
    right = labels[fit][scores[asks].argmax(axis=1)] == labels[asks]
    return {
        "recall_at_1": float(right.mean()),
        "auroc": auroc(to_prototype[asks], to_prototype[unknown]),
        "auroc_nearest_image": auroc(to_image[asks], to_image[unknown]),
    }


def distance(score: np.ndarray) -> np.ndarray:
    """Euclidean distance of unit vectors from their inner product."""
    return np.sqrt(np.maximum(0, 2 - 2 * score.astype(np.float64)))


def summary(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Medians and worsts over all runs."""
    names = ("recall_at_1", "auroc", "auroc_nearest_image")
    values = {name: [run[name] for run in runs] for name in names}
    medians = {name: round(statistics.median(v), 4) for name, v in values.items()}
    worsts = {name: round(min(v), 4) for name, v in values.items()}
    pixels = {name: round(statistics.median(run["pixels"][name] for run in runs), 4) for name in names}
    seconds = {"longest": max(run["seconds"] for run in runs)}
    return {"median": medians, "worst": worsts, "pixels": pixels, "seconds": seconds}


if __name__ == "__main__":
    main()
