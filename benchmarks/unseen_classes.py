"""Images of classes that training has not seen in any way, embedded once and kept as .npy below a cache folder.

The model is trained by a shipped recipe on the known classes alone (a tenth of their images validates), so the unseen
ones take no part in choosing its weights either. The collection holds the images it was trained on; `known` are other
images of these classes, `unseen` all images of the others.
"""

import argparse
import gzip
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from glyphs import face_of, glyphs

from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.recipe.recipe import load_recipe
from lookalike.embedder.training.train import train_arrays

FASHION = Path("/usr/share/datasets/fashion-mnist")
FASHION_NAMES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
PARTS = ("stored", "known", "unseen")


@dataclass(frozen=True)
class Pixels:
    """images uint8 (n, h, w, 1), labels (n,) str, part (n,): 0 stored, 1 known, 2 unseen."""

    images: np.ndarray
    labels: np.ndarray
    part: np.ndarray


@dataclass(frozen=True)
class Case:
    """A data set, which of its classes are unseen, and what trains the model."""

    name: str
    load: Callable[[], Pixels]
    recipe: str
    settings: tuple[str, ...]

    def folder(self, cache: Path) -> Path:
        """Where the cache keeps its model and vectors."""
        return cache / self.name.replace(":", "-").replace(",", "+").replace(" ", "-")


def parser(description: str | None, first: str) -> argparse.ArgumentParser:
    """What every benchmark on cases asks for: cases (`first` where none is given), --cache and --seed."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("cases", nargs="*", default=[first])
    made.add_argument("--cache", type=Path, required=True, help="where embeddings and models are kept")
    made.add_argument("--seed", type=int, default=0)
    return made


def cases(names: list[str]) -> list[Case]:
    """The cases of these names: "fashion:CLASS,CLASS" with two or more classes unseen, or "glyphs"."""
    return [_case(name) for name in names]


def _case(name: str) -> Case:
    if name == "glyphs":
        settings = ("data.validation_classes=0", "training.steps=1500", "training.patience=0")
        return Case(name, _glyphs, "glyphs", settings)
    unseen = name.removeprefix("fashion:").split(",")
    if not name.startswith("fashion:") or not set(unseen) <= set(FASHION_NAMES):
        sys.exit(f"{name} is no case: glyphs, or fashion:CLASS,CLASS of {', '.join(FASHION_NAMES)}")
    batch = f"batch.classes={len(FASHION_NAMES) - len(unseen)}"
    return Case(name, lambda: _fashion(unseen), "fashion-mnist", (batch, "training.steps=500"))


def _glyphs() -> Pixels:
    """250 letters known, stored as two thirds of the faces draw them and asked as the others do; 150 letters unseen."""
    images, labels = glyphs()
    rng = np.random.default_rng(0)
    letters = rng.permutation(np.unique(labels))
    face = face_of(len(images))
    part = np.where(np.isin(face, rng.permutation(np.unique(face))[:14]), 0, 1)
    return Pixels(images, labels, np.where(np.isin(labels, letters[250:]), 2, part))


def _fashion(unseen: list[str]) -> Pixels:
    """The training set is stored, the test set asked; both hold images of the unseen classes."""
    images, codes = [], []
    for part in ("train", "t10k"):
        with gzip.open(FASHION / f"{part}-images-idx3-ubyte.gz") as file:
            images.append(np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28, 1))
        with gzip.open(FASHION / f"{part}-labels-idx1-ubyte.gz") as file:
            codes.append(np.frombuffer(file.read(), np.uint8, offset=8))
    labels = np.array(FASHION_NAMES)[np.concatenate(codes)]
    part = np.repeat([0, 1], [len(images[0]), len(images[1])])
    return Pixels(np.concatenate(images), labels, np.where(np.isin(labels, unseen), 2, part))


def embedded(case: Case, cache: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """For each of `PARTS` the unit rows (n, d) float32 and labels (n,) str, from the cache where it has them."""
    folder = case.folder(cache)
    if not (folder / "done").exists():
        _embed(case, folder)
    return {part: (np.load(folder / f"{part}-vectors.npy"), np.load(folder / f"{part}-labels.npy")) for part in PARTS}


def _embed(case: Case, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pixels, recipe = case.load(), load_recipe(case.recipe, list(case.settings))
    stored = pixels.part == 0
    card = train_arrays(
        pixels.images[stored], pixels.labels[stored].tolist(), recipe, folder / "model", resume=True, progress=_say
    )
    print(f"{case.name}: {card.steps} steps in {card.seconds:.0f} s, {card.scores}", file=sys.stderr)
    encoder = Encoder.load(folder / "model")
    for code, part in enumerate(PARTS):
        mine = pixels.part == code
        np.save(folder / f"{part}-vectors.npy", encoder.encode(pixels.images[mine]))
        np.save(folder / f"{part}-labels.npy", pixels.labels[mine])
    (folder / "done").touch()


def _say(done: int, total: int | None, note: str) -> None:
    if total and done % 100 == 0:
        print(f"{time.strftime('%H:%M:%S')} {done}/{total} {note}", file=sys.stderr, flush=True)
