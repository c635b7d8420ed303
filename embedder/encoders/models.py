"""The models that a collection holds or is given: their files and digests, checked, without torch where it can be.

Loading torch takes longer than a small job, and where workers do the work, only they have to.
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
    """The folder of a collection's model, its files checked; Damaged where they are not those of its digest."""
    found = {entry.file: entry for entry in model.files}
    names = [f"model/{model.digest}/{name}" for name in (encoder_file.WEIGHTS, encoder_file.CARD)]
    if missing := [name for name in names if name not in found]:
        raise Damaged(f"{store.path} names no {missing[0]}, so that it has no whole model: restore it from a copy")
    both = "".join(found[name].sha256 for name in names)
    if hashlib.sha256(both.encode()).hexdigest() != model.digest:
        raise Damaged(f"{store.path}: the files of its model {model.digest:.12} are those of another one")
    weights, _ = (store.file(found[name]) for name in names)
    return weights.parent


def held_card(store: "Store", model: "ModelEntry") -> dict[str, Any]:
    """What encoder.json of a collection's model says; errors as of `model_folder` and `encoder_file.read_card`."""
    path = model_folder(store, model) / encoder_file.CARD
    return encoder_file.read_card(encoder_file.read_file(path), path)


class Offered:
    """A model's folder, or "pretrained", that a collection is to be filled with; its files are read and parsed.

    Attributes: name (as it was given), files (content by name), digest, dim. LookalikeError for a missing, damaged or
    foreign file. Whether weights and recipe fit is found out where they are loaded.
    """

    def __init__(self, model: str | os.PathLike[str]) -> None:
        self.name = os.fspath(model)
        self.files = _files(self.name)
        card = encoder_file.read_card(self.files[encoder_file.CARD], Path(self.name, encoder_file.CARD))
        self.digest = encoder_file.digest(self.files)
        self.dim = Recipe.from_dict(card["recipe"]).model.dim


def _files(name: str) -> dict[str, bytes]:
    if name == "pretrained":  # made of another package's weights, which takes torch
        from .load import load_encoder

        return load_encoder(name, device="cpu").files()
    files = encoder_file.read_folder(Path(name))
    encoder_file.read_card(files[encoder_file.CARD], Path(name, encoder_file.CARD))  # says which version wrote it
    sealed.check(files[encoder_file.WEIGHTS], Path(name, encoder_file.WEIGHTS))
    return files
