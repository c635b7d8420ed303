"""An encoder that is loaded on demand: torch is imported when the first image is encoded."""

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...store.work.forks import cached_property
from ..images.preprocessing import Preprocessing
from . import files as encoder_file
from . import sealed
from . import training_images as seen

if TYPE_CHECKING:
    from .encoder import Encoder


class LazyEncoder:
    """The interface of an `Encoder`, loaded piece by piece. precision: that recorded by the collection, or None."""

    def __init__(self, folder: Path, digest: str, *, device: str = "auto", precision: str | None = None) -> None:
        self._folder, self._device = folder, device
        path = folder / encoder_file.CARD
        self.digest = digest
        self.card: dict[str, Any] = encoder_file.read_card(encoder_file.read_file(path), path)
        self._precision = precision or str(self.card["precision"])
        self.preprocessing = Preprocessing.from_json(self.card["preprocessing"])
        self.training_classes: list[str] = list(self.card["training_classes"])
        self.dim = int(self.card["recipe"]["model"]["dim"])

    @cached_property
    def loaded(self) -> "Encoder":
        """The encoder itself."""
        from .encoder import Encoder

        return Encoder.load(self._folder, device=self._device, precision=self._precision)

    @cached_property
    def training_images(self) -> np.ndarray:
        """The marks of the images that it was trained on (see `training_images`): sorted int64 (m,), or empty."""
        path = self._folder / encoder_file.WEIGHTS
        marks = sealed.int64s(encoder_file.read_file(path), path, seen.NAME)
        return seen.NO_MARKS if marks is None else marks

    def encode(self, images: np.ndarray) -> np.ndarray:
        """The float32 unit rows (b, dim) of uint8 images (b, size, size, channels); see `Encoder.encode`."""
        return self.loaded.encode(images)

    @property
    def key(self) -> str:
        """Everything that determines the vector of an image: equal keys give equal vectors.

        The result of bf16 depends on the processor. Its name is part of the key, because only torch could tell more.
        """
        where = "" if self._precision == "fp32" else f" on {self._device} {platform.machine()} {_processor()}"
        return f"{self.digest} decoded by {self.preprocessing.decode} in {self._precision}{where}"


def _processor() -> str:
    """The name of the processor; empty if the system does not say it."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "")
    except OSError:
        return platform.processor()
