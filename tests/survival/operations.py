"""The five operations that are killed: each with inputs, a collection to begin from, and many small commits.

`run` begins the operation, and carries it on after an interruption: that is how a user repairs. Run again on what it
made, it changes nothing that `state.state_of` sees.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from lookalike.embedder.encoders import encoder
from lookalike.embedder.encoders.encode import encode_images
from lookalike.embedder.syncing import driver
from lookalike.embedder.syncing.sync import embed
from lookalike.indexer.index import index
from lookalike.store.changing import importing
from lookalike.store.changing.ingest import add, import_vectors, remove
from lookalike.store.version.store import Store

DIM = 16
ROWS = 1800


def unit_rows(n: int, seed: int) -> np.ndarray:
    """(n, DIM) float32 rows of length 1."""
    rows = np.random.default_rng(seed).standard_normal((n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def names(n: int) -> tuple[list[str], list[str]]:
    """Keys and labels of n rows."""
    return [f"k{i:05d}" for i in range(n)], [f"class {i % 11}" for i in range(n)]


def fill(shop: Path, pieces: int = 1) -> None:
    """A collection of ROWS rows in so many parts, every ninth one removed."""
    Store.create(shop).close()
    matrix, (keys, labels) = unit_rows(ROWS, 1), names(ROWS)
    for some in np.array_split(np.arange(ROWS), pieces):
        add(shop, matrix[some], [keys[i] for i in some], [labels[i] for i in some])
    remove(shop, keys[::9])


def remove_if_there(shop: Path, keys: list[str]) -> None:
    """Remove keys, all of which are there or none."""
    with Store.open(shop) as store:
        there = store.find(keys) >= 0
    assert there.all() or not there.any(), "a part of one commit is there"
    if there.all():
        remove(shop, keys)


class Operation:
    """What is killed, with its inputs in `folder`. base: the collection it begins from, None where it creates one."""

    creates = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.base = None if self.creates else folder / "base"

    def prepare(self) -> None:
        """Make the inputs, and `base`."""

    def run(self, shop: Path) -> None:
        """Do what is left to be done."""
        raise NotImplementedError

    def expected(self) -> dict[str, tuple[str | None, np.ndarray]]:
        """Label and vector of each key in the end, told by the inputs."""
        matrix, (keys, labels) = unit_rows(ROWS, 1), names(ROWS)
        gone = set(keys[::9]) | set(self.removed())
        return {k: (la, v) for k, la, v in zip(keys, labels, matrix, strict=True) if k not in gone}

    def removed(self) -> list[str]:
        """Keys that `run` removes."""
        return []


class Embed(Operation):
    """Create a collection from a folder of pictures, copies and broken files among them."""

    creates = True
    count = 128

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.model = folder / "model"

    def prepare(self) -> None:
        encoder.save_encoder(self.model, untrained())
        self._take_pictures()

    def _take_pictures(self) -> None:
        # The broken ones come last: they are tried again each time, which would shift the batches of those after them,
        # and with them the last bits of vectors.
        for i in range(self.count):
            broken = i >= self.count - 3
            path = self.folder / "photos" / f"class {6 if broken else i % 6}" / f"{i:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            content = b"no picture" if broken else picture(i - 1 if i % 30 == 8 else i)
            if not path.exists() or path.read_bytes() != content:
                path.write_bytes(content)

    def run(self, shop: Path) -> None:
        driver.COMMIT_SECONDS = 0.0
        driver._FIRST = driver._LEAST = driver._FRAGMENT = 16
        driver._FRAGMENT_SECONDS = 1e9  # on a busy machine a fragment would be smaller, and a part with it
        embed(shop, str(self.folder / "photos"), model=self.model, workers=1)

    def expected(self) -> dict[str, tuple[str | None, np.ndarray]]:
        files = sorted(p for p in (self.folder / "photos").rglob("*.png") if p.stat().st_size > 10)
        vectors = encode_images(encoder.Encoder.load(self.model), files)
        return {f"{p.parent.name}/{p.name}": (p.parent.name, v) for p, v in zip(files, vectors, strict=True)}


class EmbedAgain(Embed):
    """Embed a folder that has more pictures than the collection, and others under some of its keys."""

    creates = False

    def prepare(self) -> None:
        encoder.save_encoder(self.model, untrained())
        for i in range(0, 60, 2):
            path = self.folder / "photos" / f"class {i % 6}" / f"{i:04d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(picture(i if i % 8 else 1000 + i) + bytes(i % 8 == 0))
        embed(self.base, str(self.folder / "photos"), model=self.model, workers=1)
        self._take_pictures()


class Import(Operation):
    """Import a file, some rows of which the collection has from it with other vectors."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.file = folder / "vectors.npy"
        self.files = {"keys": folder / "keys.txt", "labels": folder / "labels.txt"}

    def prepare(self) -> None:
        self._write(400, seed=2)
        import_vectors(self.base, self.file, **self.files)
        self._write(ROWS, seed=1)

    def _write(self, n: int, seed: int) -> None:
        np.save(self.file, unit_rows(n, seed))
        for file, lines in zip(self.files.values(), names(n), strict=True):
            file.write_text("".join(f"{line}\n" for line in lines))

    def run(self, shop: Path) -> None:
        importing.BLOCK, importing.AT_ONCE = 120, 240
        import_vectors(shop, self.file, **self.files, commit_every=0)

    def expected(self) -> dict[str, tuple[str | None, np.ndarray]]:
        keys, labels = names(ROWS)
        return dict(zip(keys, zip(labels, unit_rows(ROWS, 1), strict=True), strict=True))


class Index(Operation):
    """Index, remove some rows, and index by another spec: segments, row maps and prototypes are written anew."""

    def prepare(self) -> None:
        fill(self.base)

    def run(self, shop: Path) -> None:
        index(shop, spec="Flat")
        remove_if_there(shop, self.removed())
        index(shop, spec="IVF16,Flat", recall=0.9)

    def removed(self) -> list[str]:
        return names(ROWS)[0][1:400:9]


class Remove(Operation):
    """Remove many keys, some at a time."""

    def prepare(self) -> None:
        fill(self.base)
        index(self.base, spec="Flat")

    def run(self, shop: Path) -> None:
        keys = self.removed()
        for start in range(0, len(keys), 20):
            remove_if_there(shop, keys[start : start + 20])

    def removed(self) -> list[str]:
        return [key for i, key in enumerate(names(ROWS)[0]) if i % 9 in (2, 3)]


class Compact(Operation):
    """Compact many parts with holes, then again and again with more holes."""

    def prepare(self) -> None:
        fill(self.base, pieces=20)
        index(self.base, spec="Flat")

    def run(self, shop: Path) -> None:
        for start in (1, 2, 3):
            index(shop, spec="Flat", compact=True)
            remove_if_there(shop, names(ROWS)[0][start:600:9])
        index(shop, spec="Flat", compact=True)

    def removed(self) -> list[str]:
        return [key for start in (1, 2, 3) for key in names(ROWS)[0][start:600:9]]


OPERATIONS: dict[str, type[Operation]] = {
    "embed": Embed,
    "import": Import,
    "index": Index,
    "remove": Remove,
    "compact": Compact,
    "embed again": EmbedAgain,
}


def picture(seed: int) -> bytes:
    """A PNG of a smooth picture that no other seed gives."""
    coarse = np.random.default_rng(seed).integers(0, 256, (4, 5, 3)).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(coarse).resize((24, 20), Image.Resampling.BICUBIC).save(stream, "PNG")
    return stream.getvalue()


def untrained() -> encoder.Encoder:
    """A conv4 of random weights: 28 x 28 grey, DIM dimensions."""
    import torch

    from lookalike.embedder.backbones import build
    from lookalike.embedder.images.preprocessing import Preprocessing
    from lookalike.embedder.recipe.recipe import Recipe

    recipe = Recipe.from_dict({"image": {"size": 28, "channels": 1}, "model": {"dim": DIM}})
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build("conv4", channels=1, dim=DIM)
    card = encoder.encoder_card(recipe, Preprocessing(28, 1, (0.5,), (0.25,)), "fp32", ["cat"])
    return encoder.make_encoder(network, card, device="cpu")
