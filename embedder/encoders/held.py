"""The model that a collection holds: its two files, which its manifest names and whose hashes make its digest."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...store.errors import Damaged
from . import files as encoder_file

if TYPE_CHECKING:
    from ...store.files.content import ModelEntry
    from ...store.version.store import Store


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
