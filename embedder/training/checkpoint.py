"""An interrupted training in one file: weights, optimiser, best weights so far, and notes.

It is a sealed safetensors file with its notes as JSON in the header, and is replaced atomically, so that it is always
complete. Tensors are stored by name and have any shape and dtype.
"""

import json
from pathlib import Path
from typing import Any

import torch

from ...store.disk.publish import plain_errors
from ...store.disk.replace import replace_file
from ...store.errors import LookalikeError
from ..encoders import files as encoder_file
from ..encoders import sealed

NAME = "checkpoint.safetensors"
FORMAT = 2
STATE = {
    "step": int,
    "best_step": int,
    "best_score": float,
    "stale": int,
    "collapsed": int,
    "history": list,
    "seconds": float,
    "bf16": bool,
    "running": dict,
}
"""The notes from which a Trainer continues, and their types."""
NOTES = {"recipe": dict, "data": str, "threads": int, **STATE}


def write(folder: Path, tensors: dict[str, torch.Tensor], notes: dict[str, Any]) -> None:
    """Write the checkpoint of `folder`, replacing the previous one. Raises LookalikeError if that is not possible."""
    replace_file(folder / NAME, sealed.to_bytes(tensors, json.dumps({"format": FORMAT, **notes})))


def read(folder: Path) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    """(tensors, all of NOTES). Raises LookalikeError if the file is cut off, altered, incomplete or too new."""
    path = folder / NAME
    tensors, text = sealed.read(encoder_file.read_file(path), path)
    return tensors, _notes(text, path)


def read_notes(folder: Path) -> dict[str, Any]:
    """All of NOTES, as `read` returns them, without the tensors."""
    path = folder / NAME
    return _notes(sealed.check(encoder_file.read_file(path), path), path)


def _notes(text: str, path: Path) -> dict[str, Any]:
    try:
        notes = json.loads(text)
    except ValueError:
        raise LookalikeError(f"{path} is not a checkpoint of lookalike") from None
    found = notes.get("format") if isinstance(notes, dict) else None
    if found != FORMAT:
        raise LookalikeError(
            f"{path} has format {found!r}, and this version of lookalike reads format {FORMAT}: start again in another "
            "folder"
        )
    for name, kind in NOTES.items():
        if type(notes.get(name)) is not kind:
            raise _foreign(path, f"its entry {name!r} is {notes.get(name)!r:.40}, not of type {kind.__name__}")
    return {name: notes[name] for name in NOTES}


def _foreign(path: Path, why: str) -> LookalikeError:
    return LookalikeError(f"{path} cannot be resumed, because {why}: start again in another folder")


def exists(folder: Path) -> bool:
    """Whether the folder holds an interrupted training."""
    return (folder / NAME).is_file()


def remove(folder: Path) -> None:
    """Remove the checkpoint once the encoder is written."""
    with plain_errors(f"remove {folder / NAME}"):
        (folder / NAME).unlink(missing_ok=True)


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The state of an optimiser by "<parameter number>.<name>"."""
    state = optimiser.state_dict()["state"]
    return {f"{number}.{name}": value for number, values in state.items() for name, value in values.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, torch.Tensor], path: Path) -> None:
    """Restore the state in the memory layout of each parameter, which fused steps require.

    Raises LookalikeError that names `path` if a tensor belongs to no parameter.
    """
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    for key, saved in tensors.items():
        number, _, name = key.partition(".")
        if not (number.isdecimal() and int(number) < len(parameters)):
            raise _foreign(path, f"it has a tensor 'optimiser.{key}'")
        parameter = parameters[int(number)]
        like = torch.empty_like(parameter) if saved.shape == parameter.shape else torch.empty_like(saved)
        optimiser.state[parameter][name] = like.copy_(saved).detach()
