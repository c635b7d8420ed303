"""The models that a collection has or is given: their files and digests, checked without torch if possible.

Importing torch takes longer than a small job, and if workers do the work, only they need it.
"""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...store.errors import Damaged
from . import files as encoder_file

if TYPE_CHECKING:
    from ...store.files.content import ModelEntry
    from ...store.version.store import Store
import os

from ..recipe.recipe import Recipe
from . import sealed


def model_folder(store: "Store", model: "ModelEntry") -> Path:
    """The folder of a collection's model, after a check of its files. Raises Damaged if they do not fit its digest."""
    entries = {entry.file: entry for entry in model.files}
    names = [f"model/{model.digest}/{name}" for name in (encoder_file.WEIGHTS, encoder_file.CARD)]
    if missing := [name for name in names if name not in entries]:
        raise Damaged(f"{store.path} does not list {missing[0]}, so its model is incomplete: restore it from a copy")
    both = "".join(entries[name].sha256 for name in names)
    if hashlib.sha256(both.encode()).hexdigest() != model.digest:
        raise Damaged(f"{store.path}: the files of its model {model.digest:.12} belong to another model")
    weights, _ = (store.file(entries[name]) for name in names)
    return weights.parent


def held_card(store: "Store", model: "ModelEntry") -> dict[str, Any]:
    """The encoder.json of a collection's model; raises the errors of `model_folder` and `encoder_file.read_card`."""
    path = model_folder(store, model) / encoder_file.CARD
    return encoder_file.read_card(encoder_file.read_file(path), path)


class Offered:
    """The model of a new collection: a folder, or "pretrained". Its files are read and parsed.

    Attributes: name (as it was given), files (content by name), digest, dim. Raises LookalikeError for a missing or
    damaged file, and for one that is not an encoder's. Whether weights and recipe fit is checked when they are loaded.
    """

    def __init__(self, model: str | os.PathLike[str]) -> None:
        self.name = os.fspath(model)
        self.files = _files(self.name)
        card = encoder_file.read_card(self.files[encoder_file.CARD], Path(self.name, encoder_file.CARD))
        self.digest = encoder_file.digest(self.files)
        self.dim = Recipe.from_dict(card["recipe"]).model.dim


def _files(name: str) -> dict[str, bytes]:
    if name == "pretrained":  # made of another package's weights, which needs torch
        from .load import load_encoder

        return load_encoder(name, device="cpu").files()
    files = encoder_file.read_folder(Path(name))
    encoder_file.read_card(files[encoder_file.CARD], Path(name, encoder_file.CARD))  # refuses files of other versions
    sealed.check(files[encoder_file.WEIGHTS], Path(name, encoder_file.WEIGHTS))
    return files
