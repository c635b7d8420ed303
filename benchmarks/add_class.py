"""A class added to a collection, against retraining a softmax head: seconds and accuracy, on Fashion-MNIST.

    python benchmarks/add_class.py [--seeds 0 1 2] [--images 1 5 20] [--draws 3] [--steps 400] [--out FOLDER]

Each seed trains a small network on eight of the ten classes, another pair held out each time; nothing of the pair is
used to choose among weights. The collection holds the eight classes' training images and is indexed; then each class of
the pair is added alone, by a few of its training images drawn at random. Prototypes: encode these images, `add` them,
and answer a first query; all other prototypes stay as they are, bit for bit. Softmax head: scikit-learn's logistic
regression (C=10, on one thread, which is its fastest on so few dimensions), fitted again on all embeddings and the new
ones, plainly and with classes weighted equally. Accuracy is on the test images, of the new class and of the eight
others. --out keeps networks and embeddings for another run.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from quality_fashion_mnist import FOLDER, Log, images, label_codes
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from lookalike import Collection
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.recipe.recipe import load_recipe
from lookalike.embedder.training.train import train

PAIRS = [("2", "7"), ("0", "5"), ("4", "8"), ("6", "9"), ("1", "3")]  # one class hard to tell, one easier
WAYS = ("prototypes", "softmax head", "weighted head")


class Embedded(NamedTuple):
    """Unit rows and labels of the training and the test images, the images themselves, and the encoder."""

    encoder: Encoder
    pixels: np.ndarray
    rows: np.ndarray
    labels: np.ndarray
    asked: np.ndarray
    truth: np.ndarray


class Added(NamedTuple):
    """One class added one way: seconds, and the accuracy on the new class and on the others."""

    way: str
    images: int
    name: str
    seconds: float
    new: float
    others: float


def embedded(out: Path, held: tuple[str, ...], seed: int, steps: int) -> Embedded:
    """Train without the classes `held`, and embed everything."""
    pair = ":".join(str(FOLDER / f"train-{kind}-ubyte.gz") for kind in ("images-idx3", "labels-idx1"))
    recipe = load_recipe(
        "fashion-mnist",
        [
            f"data.source={pair}",
            f"data.validation_classes={list(held)}",
            "model.backbone=conv4",
            "batch.classes=8",
            f"training.steps={steps}",
            f"training.validate_every={steps}",  # once, at the end: nothing to choose
            f"training.seed={seed}",
        ],
    )
    if not (out / "encoder.json").exists():
        train(recipe, out, resume=True, progress=Log())
    encoder, pixels, cache = Encoder.load(out), images("train"), out / "embeddings.npz"
    if not cache.exists():
        np.savez(cache, train=encoder.encode(pixels), test=encoder.encode(images("t10k")))
    rows = np.load(cache)
    labels, truth = (label_codes(name).astype(str) for name in ("train", "t10k"))
    return Embedded(encoder, pixels, rows["train"], labels, rows["test"], truth)


def measured(have: Embedded, held: tuple[str, ...], counts: list[int], draws: int, seed: int) -> Iterator[Added]:
    """Add each held-out class alone, by each number of images."""
    known = ~np.isin(have.labels, held)
    with tempfile.TemporaryDirectory() as folder, Collection.create(Path(folder) / "shop") as shop:
        shop.add(have.rows[known], [f"{i:05d}" for i in np.flatnonzero(known)], have.labels[known].tolist())
        shop.index()
        before = shop._view.prototypes.matrix.tobytes()
        for name in held:
            rng = np.random.default_rng(seed)
            for count in counts:
                for _ in range(draws):
                    drawn = rng.choice(np.flatnonzero(have.labels == name), count, replace=False)
                    yield by_prototypes(shop, have, name, drawn, held)
                    if shop._view.prototypes.matrix.tobytes() != before:
                        raise SystemExit("removing the class did not bring the prototypes back")
                    for way, weight in (("softmax head", None), ("weighted head", "balanced")):
                        yield by_head(have, name, drawn, known, way, weight, held)


def by_prototypes(shop: Collection, have: Embedded, name: str, drawn: np.ndarray, held: tuple[str, ...]) -> Added:
    """Encode, add, answer one query; then measure, and remove the class again."""
    keys = [f"new{i}" for i in drawn]
    start = time.perf_counter()
    shop.add(have.encoder.encode(have.pixels[drawn]), keys, [name] * len(keys))
    shop.classify(have.asked[:1])
    seconds = time.perf_counter() - start

    def said(rows: np.ndarray) -> np.ndarray:
        return np.array(shop.classify(rows).nearest)

    added = Added("prototypes", len(drawn), name, seconds, *accuracies(said, have, name, held))
    shop.remove(keys)
    return added


def by_head(
    have: Embedded, name: str, drawn: np.ndarray, known: np.ndarray, way: str, weight: str | None, held: tuple[str, ...]
) -> Added:
    """Fit a head on the known classes' rows and the drawn ones."""
    own = np.concatenate([np.flatnonzero(known), drawn])
    start = time.perf_counter()
    with threadpool_limits(1):
        head = LogisticRegression(C=10, max_iter=1000, class_weight=weight).fit(have.rows[own], have.labels[own])
    seconds = time.perf_counter() - start
    return Added(way, len(drawn), name, seconds, *accuracies(head.predict, have, name, held))


def accuracies(
    said: Callable[[np.ndarray], np.ndarray], have: Embedded, name: str, held: tuple[str, ...]
) -> tuple[float, float]:
    """Of test images of the new class, and of those of the classes that were there before."""
    new, others = have.truth == name, ~np.isin(have.truth, held)
    return float((said(have.asked[new]) == name).mean()), float((said(have.asked[others]) == have.truth[others]).mean())


def table(found: list[Added], counts: list[int]) -> Iterator[str]:
    """Medians and ranges over seeds, classes and draws."""
    heads = ("seconds", 9), ("at most", 9), ("new class", 11), ("lowest", 8), ("others", 8), ("lowest", 8)
    yield f"{'images':>6}  {'way':<14}" + "".join(f"{head:>{width}}" for head, width in heads)
    for count in counts:
        for way in WAYS:
            seconds, new, others = (
                [getattr(each, field) for each in found if (each.way, each.images) == (way, count)]
                for field in ("seconds", "new", "others")
            )
            yield (
                f"{count:>6}  {way:<14}{statistics.median(seconds):>9.3f}{max(seconds):>9.3f}"
                f"{statistics.mean(new):>11.3f}{min(new):>8.3f}{statistics.mean(others):>8.3f}{min(others):>8.3f}"
            )


def main() -> None:
    """Measure every seed, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--images", type=int, nargs="+", default=[1, 5, 20])
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--out", help="keep the networks below this folder")
    asked = parser.parse_args()
    found: list[Added] = []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in asked.seeds:
            held = PAIRS[seed % len(PAIRS)]
            have = embedded(Path(asked.out or scratch) / f"seed-{seed}", held, seed, asked.steps)
            for added in measured(have, held, asked.images, asked.draws, seed):
                found.append(added)
                print(f"seed {seed}, class {added.name}: {added}", flush=True)
    print("\n".join(table(found, asked.images)))


if __name__ == "__main__":
    main()
