"""A whole collection, made by the shell, that has every kind of file: what faults and damage are tried on."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from lookalike import cli
from lookalike.embedder.encoders.encoder import save_encoder
from lookalike.indexer.prototypes import publishing as folding

from .operations import picture, unit_rows, untrained

KINDS = (
    "deleted",
    "heads",
    "instances",
    "lookups",
    "model/encoder.json",
    "model/encoder.safetensors",
    "prototypes/faiss",
    "prototypes/parquet",
    "rejects",
    "row_maps",
    "thresholds",
    "vectors",
)


class Whole(NamedTuple):
    """The collection, and what went into it or may: folders of pictures, a file of vectors, a model."""

    shop: Path
    photos: Path
    more: Path
    strangers: Path
    vectors: Path
    model: Path


def run(*arguments: object) -> None:
    """A command of the shell that works, in this process."""
    assert cli.run([str(argument) for argument in arguments]) == 0


def make_whole(folder: Path) -> Whole:
    """Embed, remove, index, compact, embed and remove again, calibrate.

    The index over prototypes is an IVF one, as with very many classes, so that its file is read.
    """
    whole = Whole(*(folder / name for name in Whole._fields))._replace(vectors=folder / "vectors.npy")
    pictures(whole.photos, range(40), "class ", 4)
    pictures(whole.more, range(100, 110), "class ", 4)
    pictures(whole.strangers, range(200, 230), "stranger ", 3)
    np.save(whole.vectors, unit_rows(30, 3))
    save_encoder(whole.model, untrained())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(folding, "choose_spec", lambda *_: ("IVF2,Flat", None))
        patched.setattr("warnings.warn", lambda *_, **__: None)  # few rows for so many lists
        run("embed", whole.shop, whole.photos, "--model", whole.model, "--workers", 1)
        run("index", whole.shop, "--spec", "IVF2,Flat")
        remove(whole, "class 0/0004.png", "class 1/0009.png", "class 3/0031.png")
        run("index", whole.shop, "--spec", "IVF2,Flat", "--compact")
        run("calibrate", whole.shop, whole.strangers, "--fpr", 0.3)
        run("calibrate", whole.shop, whole.strangers, "--fpr", 0.3, "--by", "linear")
        remove(whole, "class 0/0008.png")
        run("index", whole.shop, "--spec", "IVF2,Flat")
    return whole


def remove(whole: Whole, *keys: str) -> None:
    """Remove pictures from the collection, and from the folder too, so that a sync does not bring them back."""
    run("remove", whole.shop, *keys)
    for key in keys:
        (whole.photos / key).unlink()


def pictures(folder: Path, seeds: range, name: str, classes: int) -> None:
    """Pictures in class folders, and a file that is none."""
    for seed in seeds:
        path = folder / f"{name}{seed % classes}" / f"{seed:04d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(seed))
    (folder / f"{name}0" / "broken.png").write_bytes(b"no picture")


def kind_of(file: str) -> str:
    """Which of KINDS a file of a collection is."""
    top, name = file.split("/")[0], file.split("/")[-1]
    if top == "model":
        return f"model/{name}"
    return f"prototypes/{name.split('.')[-1]}" if top == "prototypes" else top
