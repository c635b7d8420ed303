"""The two files of an encoder, and reading and writing of our safetensors files.

encoder.safetensors holds the weights of the network by name, fp32 of any shape, and the marks of the images that it was
trained on (see `training_images`). encoder.json holds everything else: format, recipe, preprocessing, precision,
training_classes and scores. Each file holds the SHA-256 of its other content, and is refused if that differs. The
digest is the SHA-256 (hex) of the SHA-256 of both files, weights first. Only reading or writing weights loads torch; a
sync learns what it needs without it.
"""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...store.disk.publish import plain_errors
from ...store.disk.regular import read_regular
from ...store.errors import LookalikeError, one_line
from ...store.files.manifest import read_manifest, versions
from ..recipe.recipe import Recipe
from . import sealed

if TYPE_CHECKING:
    import torch

FORMAT = 2
WEIGHTS, CARD = "encoder.safetensors", "encoder.json"
CARD_KEYS = ("format", "precision", "preprocessing", "recipe", "scores", "sha256", "training_classes")


def to_bytes(tensors: "dict[str, torch.Tensor]", card: dict[str, Any]) -> dict[str, bytes]:
    """The content of both files by name; equal weights and cards give equal bytes."""
    return {WEIGHTS: sealed.to_bytes(tensors), CARD: card_bytes(card)}


def card_bytes(card: dict[str, Any]) -> bytes:
    """The content of encoder.json: the card, with the SHA-256 of its other entries."""
    return _text({**card, "sha256": _sha256(card)})


def _text(card: dict[str, Any]) -> bytes:
    return (json.dumps(card, indent=1, sort_keys=True) + "\n").encode()


def _sha256(card: dict[str, Any]) -> str:
    return hashlib.sha256(_text({name: value for name, value in card.items() if name != "sha256"})).hexdigest()


def digest(files: dict[str, bytes]) -> str:
    """The digest of an encoder: the SHA-256 of the SHA-256 of weights and card."""
    both = "".join(hashlib.sha256(files[name]).hexdigest() for name in (WEIGHTS, CARD))
    return hashlib.sha256(both.encode()).hexdigest()


def read_card(content: bytes, path: Path) -> dict[str, Any]:
    """Read encoder.json. Raises LookalikeError if it is damaged, or was written by a later version."""
    try:
        card = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise LookalikeError(f"{path} is not valid JSON: {one_line(error)}") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        version = card.get("format") if isinstance(card, dict) else None
        raise LookalikeError(f"{path} has format {version!r}: this version of lookalike reads format {FORMAT}")
    missing = [key for key in CARD_KEYS if key not in card]
    if missing:
        raise LookalikeError(f"{path} has no entry {missing[0]!r}, so it is not the card of an encoder")
    if card["sha256"] != _sha256(card) or content != _text(card):
        raise LookalikeError(f"{path} is damaged or was edited: its content does not match its SHA-256")
    if (problem := _problem(card)) is not None:
        raise LookalikeError(f"{path}: {problem}")
    return card


def _problem(card: dict[str, Any]) -> str | None:
    """The first entry that a training would not write, in words; None if there is none."""
    recipe, classes = card["recipe"], card["training_classes"]
    if not isinstance(recipe, dict) or not isinstance(recipe.get("model"), dict):
        return "its recipe names no model"
    try:
        Recipe.from_dict(recipe)
    except LookalikeError as error:
        return str(error)
    if not {"dim", "pretrained"} <= set(recipe["model"]):
        return "the model in its recipe has no dim or no pretrained"
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        return "its training_classes are not a list of names"
    if not isinstance(card["scores"], dict) or not isinstance(card["precision"], str):
        return "its scores are not a table, or its precision is not a text"
    return None


def read_weights(content: bytes, path: Path) -> "dict[str, torch.Tensor]":
    """Read the bytes of a file of weights. Raises LookalikeError for anything else (cut off, altered, a pickle)."""
    return sealed.read(content, path)[0]


def read_folder(folder: Path) -> dict[str, bytes]:
    """Both files of a model's folder by name. Raises LookalikeError if the folder or a file is missing."""
    if not folder.is_dir():
        raise LookalikeError(f"there is no model {folder}: give a folder that `lookalike train` wrote, or pretrained")
    if not (folder / CARD).exists():
        _refuse_collection(folder)
        if not (folder / WEIGHTS).exists():
            raise LookalikeError(
                f"{folder} is not a model, because it has no {CARD}: give a folder that `lookalike train` wrote, or "
                "pretrained"
            )
    return {name: read_file(folder / name) for name in (WEIGHTS, CARD)}


def _refuse_collection(folder: Path) -> None:
    """Refuse a collection that is given as a model, and say where its model is."""
    numbers = versions(folder)
    if numbers:
        model = read_manifest(folder, numbers[-1]).content.model
        place = "a folder that `lookalike train` wrote" if model is None else f"its model {folder}/model/{model.digest}"
        raise LookalikeError(f"{folder} is a collection, not a model: give {place}, or pretrained")


def load_into(network: "torch.nn.Module", tensors: "dict[str, torch.Tensor]", path: Path) -> None:
    """Load weights into a network. Raises LookalikeError if a name is missing or unknown, or a shape differs."""
    expected = network.state_dict()
    for name in sorted(set(expected) | set(tensors)):
        if name not in tensors:
            raise LookalikeError(f"{path} lacks the weights {name}")
        if name not in expected:
            raise LookalikeError(f"{path} has weights {name}, which the recipe's network does not have")
        if expected[name].shape != tensors[name].shape:
            shapes = f"{tuple(tensors[name].shape)}, and the recipe's network needs {tuple(expected[name].shape)}"
            raise LookalikeError(f"{path}: the weights {name} have shape {shapes}")
    network.load_state_dict(tensors)


def read_file(path: Path) -> bytes:
    """The bytes of a file. Raises LookalikeError that names the file if it cannot be read."""
    with plain_errors(f"read {path}"):
        return read_regular(path)
