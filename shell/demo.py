"""The demo command: a tour from pictures to answers on real images, with the same public calls that users have.

DIR gets images/train, images/calibrate, images/known and images/unknown (class folders of PNG), model, collection and,
where matplotlib is installed, report.html.
Two classes are kept out of training and out of the collection; their images are the unknown ones.
"""

import os
import shlex
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..store.disk.publish import plain_errors
from ..store.errors import LookalikeError
from .output import bar, echo

if TYPE_CHECKING:
    import numpy as np

    from ..search.collection import Collection
    from ..search.evaluating.bench import BenchPoint
    from ..search.evaluating.results import EvaluateResult
    from ..store.changing.counts import EmbedResult

FPR = 0.05
ASKED = "asked.csv"
REPORT = "report.html"
FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")
FASHION_NAMES = ("T-shirt", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")


@dataclass(frozen=True)
class Dataset:
    """A set of labelled grey images, how it is split, and the recipe to train on it.

    load: returns the images, uint8 (n, h, w), and their labels.
    """

    name: str
    load: Callable[[], tuple["np.ndarray", list[str]]]
    held_out: tuple[str, str]
    recipe: str
    shares: tuple[float, float] = (
        0.7,
        0.85,
    )  # below the first: training; below the second: calibration; the rest: queries


def digits() -> tuple["np.ndarray", list[str]]:
    """scikit-learn's 1,797 handwritten digits: uint8 (1797, 8, 8) and their labels."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images * (255 / 16)).round().astype("uint8"), [str(label) for label in data.target]


def fashion_mnist() -> tuple["np.ndarray", list[str]]:
    """Fashion-MNIST's 70,000 images, uint8 (70000, 28, 28), and the names of their classes.

    Raises LookalikeError if the Debian package is not installed.
    """
    import gzip

    import numpy as np

    if not FASHION_MNIST.is_dir():
        raise LookalikeError(f"{FASHION_MNIST} does not exist: run apt-get install dataset-fashion-mnist")
    images, labels = [], []
    for part in ("train", "t10k"):
        with gzip.open(FASHION_MNIST / f"{part}-images-idx3-ubyte.gz") as file:
            images.append(np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28))
        with gzip.open(FASHION_MNIST / f"{part}-labels-idx1-ubyte.gz") as file:
            labels.append(np.frombuffer(file.read(), np.uint8, offset=8))
    return np.concatenate(images), [FASHION_NAMES[code] for code in np.concatenate(labels)]


DATASETS = {
    "digits": Dataset("digits", digits, ("8", "9"), "digits"),
    "fashion-mnist": Dataset("fashion-mnist", fashion_mnist, ("Bag", "Ankle boot"), "fashion-mnist", (0.9, 0.95)),
}


def cut(labels: list[str], held_out: tuple[str, str], shares: tuple[float, float], seed: int = 0) -> Iterator[str]:
    """The folder of each image: train, calibrate, known or unknown."""
    import numpy as np

    for label, place in zip(labels, np.random.default_rng(seed).random(len(labels)), strict=True):
        if label in held_out:
            yield "calibrate" if place < 0.5 else "unknown"
        else:
            yield "train" if place < shares[0] else "calibrate" if place < shares[1] else "known"


def write_images(folder: Path, dataset: Dataset) -> None:
    """Write the images as PNG files below `folder`, split by class and purpose; existing ones are kept.

    Raises LookalikeError if `folder` contains the demo of another dataset.
    """
    from PIL import Image

    done = folder / "dataset.txt"
    if done.exists():
        if (found := done.read_text()) != dataset.name:
            raise LookalikeError(f"{folder} contains the demo of {found!r}: choose another folder")
        return
    images, labels = dataset.load()
    for number, (image, label, purpose) in enumerate(
        zip(images, labels, cut(labels, dataset.held_out, dataset.shares), strict=True)
    ):
        path = folder / "images" / purpose / label / f"{number:05d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    done.write_text(dataset.name)


@click.command(short_help="Take the tour: train, embed, index, calibrate and query, on real images.")
@click.argument("folder", default="lookalike-demo", metavar="[DIR]")
@click.option(
    "--dataset", type=click.Choice(list(DATASETS)), default="digits", show_default=True, help="The images to learn."
)
def demo(folder: str, dataset: str) -> None:
    """Train an encoder, embed, index, calibrate, evaluate and query, on real images with two classes held out.

    The images, the model and the collection are written to DIR (lookalike-demo by default), ready for the other
    commands. If matplotlib is installed (pip install 'lookalike[report]'), report.html is written too.
    """
    from ..embedder.recipe.recipe import load_recipe
    from ..embedder.training.folder import check_outside_collections
    from ..embedder.training.train import train
    from ..search.collection import Collection

    root, chosen, started = Path(folder), DATASETS[dataset], time.monotonic()
    check_outside_collections(root)
    _say(f"1. write the images below {root}/images, {' and '.join(chosen.held_out)} held out")
    with plain_errors(f"write the images of the demo below {root}"):
        root.mkdir(parents=True, exist_ok=True)
        write_images(root, chosen)
        _together(root / "images")
    images, model = root / "images", root / "model"
    _say(f"2. train with the recipe {chosen.recipe} (a finished {model} is kept, an interrupted one is continued)")
    with bar("train") as progress:
        train(load_recipe(chosen.recipe), model, data=str(images / "train"), resume=True, progress=progress)
    with Collection.open_or_create(root / "collection") as collection:
        rows = _fill_and_measure(collection, images, model)
        drawn = _draw(collection, root)
    _table(rows)
    _say(f"done in {time.monotonic() - started:.0f} s")
    _next_commands(root, images)
    echo(drawn)


def _fill_and_measure(collection: "Collection", images: Path, model: Path) -> list[tuple[str, str]]:
    """Embed, index, calibrate, evaluate, query and bench; return the rows of the table."""
    _say("3. embed images/train into the collection, and index it")
    with bar("embed") as progress:
        embedded = collection.embed(images / "train", model=model, prune=True, progress=progress)
    card = collection.index()
    _say(f"4. calibrate: at most {FPR:.0%} of unknown images may get a label")
    with bar("calibrate") as progress:
        calibration = collection.calibrate(images / "calibrate", fpr=FPR, progress=progress)
    _say("5. evaluate on new images, known and unknown")
    with bar("evaluate") as progress:
        measured = collection.evaluate(images / ASKED, progress=progress)
    _say("6. query with one known and one unknown image, and measure latency")
    answers = [_answer(collection, next(_pictures(images / kind))) for kind in ("known", "unknown")]
    point = next(p for p in collection.bench(k=10) if p["chosen"])
    return [*_facts(collection, embedded, card), *_measures(measured, calibration), *answers, _latency(point)]


def _draw(collection: "Collection", root: Path) -> str:
    """Draw the report if matplotlib is installed; return a line that says where it is, or what is missing."""
    from importlib.util import find_spec

    out, source = root / REPORT, root / "images" / ASKED
    if find_spec("matplotlib") is None:
        again = shlex.join(("lookalike", "report", str(root / "collection"), "--out", str(out), "--data", str(source)))
        return f"For a report with pictures: pip install 'lookalike[report]' and {again}"
    _say(f"7. draw the report {out}")
    with bar("report") as progress:
        collection.report(out, source, progress=progress)
    return f"For pictures of these results, open {shlex.quote(str(out))} in a browser"


def _together(images: Path) -> None:
    """Write one table of images/known and images/unknown, because `evaluate` takes one source."""
    import csv

    with (images / ASKED).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("path", "label"))
        for kind in ("known", "unknown"):
            writer.writerows((p.relative_to(images).as_posix(), p.parent.name) for p in _pictures(images / kind))


def _pictures(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.glob("*/*.png")))


def _answer(collection: "Collection", picture: Path) -> tuple[str, str]:
    decision = collection.classify(picture).records()[0]
    said = "unknown" if decision["label"] is None else decision["label"]
    near = f"nearest {decision['nearest']} at {decision['distance']:.3f}, threshold {decision['threshold']:.3f}"
    return f"classify a {picture.parent.name} ({picture.parent.parent.name})", f"{said}  ({near})"


def _facts(collection: "Collection", embedded: "EmbedResult", card: Any) -> list[tuple[str, str]]:
    info = collection.info()
    return [
        ("images in the collection", f"{info['rows']} of {info['classes']} classes, {info['dim']} numbers each"),
        ("embedded now", f"{embedded['embedded']} in {embedded['seconds']:.1f} s"),
        ("index", str(card).splitlines()[0]),
    ]


def _measures(measured: "EvaluateResult", calibration: Any) -> list[tuple[str, str]]:
    from ..measures.intervals import needed_trials

    unknown = measured["unknown"]
    return [
        ("recall@1", f"{measured['recall_at_1']:.4f}"),
        ("MAP@R", f"{measured['map_at_r']:.4f}"),
        ("accuracy, nearest prototype", f"{measured['accuracy']:.4f}"),
        ("AUROC known against unknown", f"{unknown['auroc']:.4f}"),
        ("threshold (a distance)", f"{calibration.threshold:.3f}"),
        (
            "unknown given a label",
            f"{unknown['false_accepts']:.2%} of {unknown['queries']}, at most {FPR:.0%} wanted",
        ),
        ("known answered unknown", f"{unknown['false_rejects']:.2%}"),
        (
            "a stricter bound",
            f"1 % needs {needed_trials(0.01)} unknown images, 0.1 % {needed_trials(0.001)}; "
            f"this one was chosen on {calibration.chosen_on['images']}",
        ),
    ]


def _latency(point: "BenchPoint") -> tuple[str, str]:
    return "one query", f"{point['p50_us']:.0f} us (p99 {point['p99_us']:.0f} us), recall@10 {point['recall']:.4f}"


def _say(line: str) -> None:
    echo(line, err=True)


def _table(rows: list[tuple[str, str]]) -> None:
    echo()
    width = max(len(name) for name, _ in rows)
    for name, value in rows:
        echo(f"  {name:<{width}}  {value}")
    echo()


def _next_commands(root: Path, images: Path) -> None:
    known, unknown = next(_pictures(images / "known")), next(_pictures(images / "unknown"))
    echo("Next, try:")
    activate = Path(sys.executable).parent / "activate"
    if shutil.which("lookalike") is None and activate.exists():
        echo("  " + shlex.join((".", os.path.relpath(activate))))
    collection = root / "collection"
    for arguments in (
        ("search", collection, known),
        ("classify", collection, known, unknown),
        ("evaluate", collection, images / "known", "--by", "knn"),
        ("info", collection, "--json"),
    ):
        echo("  " + shlex.join(("lookalike", *map(str, arguments))))
