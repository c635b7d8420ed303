"""The two files of an encoder, and how any safetensors file of ours is written and read.

encoder.safetensors holds the network's weights by name, fp32 of any shape, and what stands for the images that it was
trained on (see `seen`); encoder.json everything else: format, recipe, preprocessing, precision, training_classes,
scores. Each holds the SHA-256 of the rest of it, and is refused where that differs. The digest is the SHA-256 (hex) of
both files' SHA-256, weights first. Only reading or writing weights loads torch: what a sync has to know it learns
without.
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
    """Give both files' content by name; equal weights and cards give equal bytes."""
    return {WEIGHTS: sealed.to_bytes(tensors), CARD: card_bytes(card)}


def card_bytes(card: dict[str, Any]) -> bytes:
    """Give encoder.json's content: the card, with the SHA-256 of the rest of it."""
    return _text({**card, "sha256": _sha256(card)})


def _text(card: dict[str, Any]) -> bytes:
    return (json.dumps(card, indent=1, sort_keys=True) + "\n").encode()


def _sha256(card: dict[str, Any]) -> str:
    return hashlib.sha256(_text({name: value for name, value in card.items() if name != "sha256"})).hexdigest()


def digest(files: dict[str, bytes]) -> str:
    """Name an encoder: SHA-256 over the SHA-256 of weights and card."""
    both = "".join(hashlib.sha256(files[name]).hexdigest() for name in (WEIGHTS, CARD))
    return hashlib.sha256(both.encode()).hexdigest()


def read_card(content: bytes, path: Path) -> dict[str, Any]:
    """Read encoder.json; LookalikeError where it is damaged, or written by a later version."""
    try:
        card = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise LookalikeError(f"{path}: not JSON ({one_line(error)})") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        found = card.get("format") if isinstance(card, dict) else None
        raise LookalikeError(f"{path}: format {found!r}; this version of lookalike reads format {FORMAT}")
    missing = [key for key in CARD_KEYS if key not in card]
    if missing:
        raise LookalikeError(f"{path}: {missing[0]} is missing; it is not an encoder's card")
    if card["sha256"] != _sha256(card) or content != _text(card):
        raise LookalikeError(f"{path}: damaged or edited: its bytes are not those that were written")
    if (problem := _problem(card)) is not None:
        raise LookalikeError(f"{path}: {problem}")
    return card


def _problem(card: dict[str, Any]) -> str | None:
    """What is not what a training writes, in words."""
    recipe, classes = card["recipe"], card["training_classes"]
    if not isinstance(recipe, dict) or not isinstance(recipe.get("model"), dict):
        return "its recipe names no model"
    try:
        Recipe.from_dict(recipe)
    except LookalikeError as error:
        return str(error)
    if not {"dim", "pretrained"} <= set(recipe["model"]):
        return "its recipe names no dimension, or does not say whether the model began pretrained"
    if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
        return "training_classes is no list of names"
    if not isinstance(card["scores"], dict) or not isinstance(card["precision"], str):
        return "its scores or its precision are of another kind"
    return None


def read_weights(content: bytes, path: Path) -> "dict[str, torch.Tensor]":
    """Read the bytes of a file of weights; LookalikeError for anything else (cut, altered, a pickle of that name)."""
    return sealed.read(content, path)[0]


def read_folder(folder: Path) -> dict[str, bytes]:
    """Give both files of a model's folder by name; LookalikeError where there is none, or one is missing."""
    if not folder.is_dir():
        raise LookalikeError(f"{folder}: no such model; give a folder that `lookalike train` wrote, or pretrained")
    if not (folder / CARD).exists():
        _refuse_collection(folder)
        if not (folder / WEIGHTS).exists():
            raise LookalikeError(
                f"{folder} is not a model: it has no {CARD}; give a folder that `lookalike train` wrote, or pretrained"
            )
    return {name: read_file(folder / name) for name in (WEIGHTS, CARD)}


def _refuse_collection(folder: Path) -> None:
    """Say where a collection that is taken for a model has its model."""
    found = versions(folder)
    if found:
        held = read_manifest(folder, found[-1]).content.model
        works = "a folder that `lookalike train` wrote" if held is None else f"its own, {folder}/model/{held.digest},"
        raise LookalikeError(f"{folder}: is a collection, not a model; give {works} or pretrained")


def load_into(network: "torch.nn.Module", tensors: "dict[str, torch.Tensor]", path: Path) -> None:
    """Put weights into a network; LookalikeError where a name is missing or unknown, or a shape differs."""
    own = network.state_dict()
    for name in sorted(set(own) | set(tensors)):
        if name not in tensors:
            raise LookalikeError(f"{path}: the weights {name} are missing")
        if name not in own:
            raise LookalikeError(f"{path}: the weights {name} belong to another network")
        if own[name].shape != tensors[name].shape:
            shapes = f"{tuple(tensors[name].shape)}; the recipe's network has {tuple(own[name].shape)}"
            raise LookalikeError(f"{path}: the weights {name} have shape {shapes}")
    network.load_state_dict(tensors)


def read_file(path: Path) -> bytes:
    """Give a file's bytes; LookalikeError naming it where that fails."""
    with plain_errors(f"read {path}"):
        return read_regular(path)
