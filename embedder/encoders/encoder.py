"""A trained network with the preprocessing that it was trained with: pixels in, unit rows out.

Contract: `encode` takes uint8 (b, size, size, channels) as `encoder.preprocessing.apply` returns them, and returns
float32 (b, dim), every row of length 1; row i belongs to image i. The digest is that of the two files of an encoder,
so that equal digests mean equal recipes, weights and preprocessing.
"""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ...store.checks import choice
from ...store.disk.publish import plain_errors
from ...store.disk.replace import replace_file
from ...store.errors import LookalikeError, LookalikeWarning
from ...store.work.forks import cached_property
from ..backbones import build
from ..backbones.blocks import folded
from ..images.preprocessing import Preprocessing
from ..recipe.recipe import Recipe
from . import files as encoder_file
from . import training_images as seen
from .hardware import check_usable, has_bf16, torch_device

CORE_PIXELS, GPU_PIXELS = 100_000, 1_600_000
"""How many pixels go through the network at once: per thread on a CPU, in total on a GPU.

The cache of a core holds the activations of about that many. With 1,600,000 per core, conv4 took 2.4 times as long per
image, and EfficientNet-Lite0 1.8 times.
"""
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class Encoder:
    """Turns images into unit vectors.

    Attributes: dim (the length of a vector), digest (SHA-256 hex of the SHA-256 of both files), preprocessing,
    training_classes (sorted labels), precision ("fp32" or "bf16", in which it computes), card (all of encoder.json:
    recipe, scores and the above), device, batch (the number of images that it encodes at once).
    """

    def __init__(
        self, network: nn.Module, files: dict[str, bytes], *, device: str = "auto", precision: str | None = None
    ) -> None:
        """An encoder of a network in training form and its two files; see `load` for the other parameters."""
        self._network, self._files = network, files
        self.card = encoder_file.read_card(files[encoder_file.CARD], Path(encoder_file.CARD))
        self.digest = encoder_file.digest(files)
        self.preprocessing = Preprocessing.from_json(self.card["preprocessing"])
        self.training_classes: list[str] = list(self.card["training_classes"])
        self.dim = int(self.card["recipe"]["model"]["dim"])
        self.device = torch_device(device)
        self.precision = self._resolved(precision or self.card["precision"])
        self._prepare()

    @classmethod
    def load(cls, folder: str | Path, *, device: str = "auto", precision: str | None = None) -> "Encoder":
        """Read an encoder from its folder; see `load.load_encoder` for "pretrained".

        device: "auto", "cpu" or "gpu". precision: "fp32" or "bf16" instead of the recorded one; on hardware without
        bf16, where it would be slower and no more exact, fp32 is used. Raises LookalikeError for a missing or damaged
        file, and for one that is not an encoder's.
        """
        folder = Path(folder)
        files = encoder_file.read_folder(folder)
        card = encoder_file.read_card(files[encoder_file.CARD], folder / encoder_file.CARD)
        network = empty_network(Recipe.from_dict(card["recipe"]))
        path = folder / encoder_file.WEIGHTS
        weights = encoder_file.read_weights(files[encoder_file.WEIGHTS], path)
        weights.pop(seen.NAME, None)
        encoder_file.load_into(network, weights, path)
        return cls(network, files, device=device, precision=precision)

    @cached_property
    def training_images(self) -> np.ndarray:
        """The marks of the images that it was trained on (see `training_images`): sorted int64 (m,), or empty."""
        weights = encoder_file.read_weights(self._files[encoder_file.WEIGHTS], Path(encoder_file.WEIGHTS))
        return weights[seen.NAME].numpy() if seen.NAME in weights else seen.NO_MARKS

    def with_precision(self, precision: str) -> "Encoder":
        """The same encoder, computing in "fp32" or "bf16"."""
        return Encoder(self._network, self._files, device=self._device_name, precision=precision)

    def encode(self, images: np.ndarray) -> np.ndarray:
        """The float32 unit rows (b, dim) of uint8 images (b, size, size, channels).

        If the memory of a GPU is too small, the batch is halved; if it is too small for one image, the CPU is used,
        with a LookalikeWarning. Raises LookalikeError for another shape or type.
        """
        self._check(images)
        rows = np.empty((len(images), self.dim), dtype=np.float32)
        done = 0
        while done < len(images):
            batch = images[done : done + self.batch]
            if self._try(batch, rows[done : done + len(batch)]):
                done += len(batch)
        if not np.isfinite(rows).all():
            raise LookalikeError(f"model {self.digest[:12]} computes vectors that are not finite: train it again")
        return rows

    def files(self) -> dict[str, bytes]:
        """The two files of the encoder by name, as a collection stores them in model/<digest>/."""
        return dict(self._files)

    def _check(self, images: np.ndarray) -> None:
        expected = (self.preprocessing.size, self.preprocessing.size, self.preprocessing.channels)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1:] != expected:
            raise LookalikeError(
                f"images are {images.dtype} {images.shape}: this encoder needs uint8 (batch, *{expected})"
            )

    def _try(self, images: np.ndarray, rows: np.ndarray) -> bool:
        check_usable(self.device)
        try:
            rows[:] = self._forward(images)
            return True
        except torch.OutOfMemoryError:
            if self.device.type == "cpu":
                raise LookalikeError(f"there is not enough memory to encode {len(images)} images at once") from None
        torch.cuda.empty_cache()
        self.batch = len(images) // 2
        if self.batch == 0:
            warnings.warn("the GPU has too little memory for one image: the CPU is used instead", LookalikeWarning)
            self.device = torch.device("cpu")
            self._prepare()
        return False

    @torch.inference_mode()
    def _forward(self, images: np.ndarray) -> np.ndarray:
        # (b, s, s, c) viewed as (b, c, s, s) is channels-last already: nothing is copied before the change of type.
        pixels = torch.from_numpy(np.require(images, requirements="W")).permute(0, 3, 1, 2).to(self.device)
        scaled = torch.addcmul(self._offset, pixels.float(), self._factor).to(DTYPES[self.precision])
        return F.normalize(self._folded(scaled).float()).cpu().numpy()

    def _resolved(self, precision: str) -> str:
        choice("precision", precision, list(DTYPES))
        return "fp32" if precision == "bf16" and not has_bf16(self.device) else precision

    def _prepare(self) -> None:
        self._folded = folded(self._network).to(self.device, DTYPES[self.precision])
        self._factor, self._offset = scaling(self.preprocessing, self.device)
        pixels = GPU_PIXELS if self.device.type == "cuda" else CORE_PIXELS * torch.get_num_threads()
        self.batch = max(1, min(1024, pixels // self.preprocessing.size**2))

    @property
    def _device_name(self) -> str:
        return "gpu" if self.device.type == "cuda" else "cpu"


def scaling(preprocessing: Preprocessing, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """(factor, offset), both (1, c, 1, 1), such that pixel * factor + offset is (pixel / 255 - mean) / std."""
    mean, std = (
        torch.tensor(v, dtype=torch.float64).view(1, -1, 1, 1) for v in (preprocessing.mean, preprocessing.std)
    )
    return (1 / (255 * std)).float().to(device), (-mean / std).float().to(device)


def empty_network(recipe: Recipe) -> nn.Module:
    """The network of a recipe, into which saved weights are to be loaded."""
    return build(recipe.model.backbone, channels=recipe.image.channels, dim=recipe.model.dim)


def encoder_card(
    recipe: Recipe, preprocessing: Preprocessing, precision: str, classes: list[str], **more: Any
) -> dict[str, Any]:
    """The content of encoder.json. more: scores, and other entries of the training.

    The location of the images is left out: the digest would depend on the spelling of a path, which would be passed on
    with the model.
    """
    return {
        "format": encoder_file.FORMAT,
        "recipe": recipe.with_source(None).to_dict(),
        "preprocessing": preprocessing.to_json(),
        "precision": precision,
        "training_classes": sorted(classes),
        "scores": {},
        **more,
    }


def make_encoder(
    network: nn.Module, card: dict[str, Any], *, device: str = "auto", marks: np.ndarray | None = None
) -> Encoder:
    """An encoder in memory of a network, its card, and the sorted marks (m,) int64 of its training images."""
    tensors = network.state_dict()
    if marks is not None and len(marks):
        tensors = {**tensors, seen.NAME: torch.from_numpy(marks)}
    return Encoder(network, encoder_file.to_bytes(tensors, card), device=device)


def save_encoder(folder: str | Path, encoder: Encoder) -> None:
    """Write both files into `folder`, the card last, so that a folder with a card is complete."""
    folder = Path(folder)
    with plain_errors(f"create the folder {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
    for name in (encoder_file.WEIGHTS, encoder_file.CARD):
        replace_file(folder / name, encoder.files()[name])
