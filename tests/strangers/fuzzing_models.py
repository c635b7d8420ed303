"""A process that edits the files of a model, each with the hash that it holds of itself, and loads and asks it.

`python -m lookalike.tests.strangers.fuzzing_models MODEL SEED EDITS`; prints how many were answered and refused.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np
import safetensors.torch
import torch

from lookalike.embedder.encoders import files as encoder_file
from lookalike.embedder.encoders import sealed
from lookalike.embedder.encoders.compare import stored_threshold
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.encoders.lazy import LazyEncoder
from lookalike.embedder.encoders.models import Offered
from lookalike.tests.strangers import edits
from lookalike.tests.strangers.fuzzing import outcome

TYPES = [torch.float16, torch.float64, torch.int64, torch.bool, torch.uint8, torch.bfloat16]


def card(data: bytes, rng: np.random.Generator) -> bytes:
    """Another value in the card, with the hash that fits."""
    try:
        return encoder_file.card_bytes(json.loads(edits.document(data, rng)))
    except (ValueError, RecursionError):
        return edits.document(data, rng)


def weights(data: bytes, rng: np.random.Generator) -> bytes:
    """Another tensor, with the hash that fits."""
    tensors = safetensors.torch.load(data)
    name = sorted(tensors)[rng.integers(len(tensors))]
    value = tensors[name]
    changes = [
        lambda: value.reshape(-1)[:-1],
        lambda: value.to(TYPES[rng.integers(len(TYPES))]),
        lambda: torch.full(value.shape, [float("nan"), float("inf"), 3e38, 0.0][rng.integers(4)]),
        lambda: torch.zeros(0),
        lambda: torch.zeros(()),
        lambda: value.unsqueeze(0).repeat([2] + [1] * value.dim()),
    ]
    tensors[name] = changes[rng.integers(len(changes))]()
    if rng.random() < 0.2:
        del tensors[name]
        tensors[["other", "", "\x1b[31m", "seen"][rng.integers(4)]] = value
    notes = ["", "[" * edits.DEEP, "\x1b[31m"][rng.integers(3)]
    return sealed.to_bytes(tensors, notes)


def ask(model: Path) -> None:
    """What a model is loaded and asked for."""
    Offered(model)
    lazy = LazyEncoder(model, "0" * 64)
    assert lazy.training_images.dtype == np.int64 and lazy.key
    loaded = Encoder.load(model, device="cpu")
    p = loaded.preprocessing
    rows = loaded.encode(np.full((2, p.size, p.size, p.channels), 77, np.uint8))
    assert rows.shape == (2, loaded.dim) and np.isfinite(rows).all()
    stored_threshold(loaded)


WAYS = {
    encoder_file.CARD: (edits.raw, card, card, card),
    encoder_file.WEIGHTS: (edits.raw, weights, weights),
}


def main(model: str, seed: str, count: str) -> None:
    """Edit and ask."""
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    folder, rng = Path(model), np.random.default_rng(int(seed))
    if (said := outcome(lambda: ask(folder))) != "answered":
        sys.exit(f"unedited: {said}")
    for name, ways in WAYS.items():
        whole, counts = (folder / name).read_bytes(), {"answered": 0, "refused": 0}
        for number in range(int(count)):
            (folder / name).write_bytes(ways[number % len(ways)](whole, rng))
            said = outcome(lambda: ask(folder))
            if said != "answered" and not said.startswith("refused: "):
                sys.exit(f"edit {number} of {name}: {said}")
            counts[said.split(":")[0]] += 1
        (folder / name).write_bytes(whole)
        print(name, counts["answered"], counts["refused"], flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
