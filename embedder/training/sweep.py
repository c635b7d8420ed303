"""A sweep: one recipe trained with every combination of varied settings, all scored on the same images.

Each training lies in a folder of its own and is not repeated, so that a sweep that was cut off goes on. The images are
decoded once for all trainings that want them alike.
"""

import itertools
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ...measures.retrieval import retrieval
from ...store.errors import LookalikeError, TrainingFailed
from ...store.progress import Progress, silent
from ..backbones import preprocessing
from ..encoders.encoder import Encoder
from ..images.preprocessing import Preprocessing
from ..recipe.recipe import Recipe, load_recipe
from ..sources import SourceOptions, open_source
from ..sources.options import USUAL
from . import folder as training_folder
from . import validation
from .train import train_arrays
from .training_set import TrainingSet, read_training_set

_SAME_IMAGES = ("data.source", "data.validation_classes", "training.seed")


@dataclass(frozen=True)
class Run:
    """One training of a sweep.

    settings: the varied keys and their values as the recipe has them. model: its folder. map_at_r, recall_at_1: on the
    validation images, None where undefined. seconds: of training. steps: taken. vector_bytes: of a stored vector.
    encode_us: microseconds to encode an image, on this machine, decoding left out. precisions: (nq,) float64, the
    average precision at R of each validation image. error: why there is none of these.
    """

    settings: dict[str, Any]
    model: str
    map_at_r: float | None = None
    recall_at_1: float | None = None
    seconds: float | None = None
    steps: int | None = None
    vector_bytes: int | None = None
    encode_us: float | None = None
    error: str | None = None
    precisions: np.ndarray = field(default_factory=lambda: np.zeros(0), repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Give plain values, without `precisions`."""
        return {name: value for name, value in vars(self).items() if name != "precisions"}


def combinations(
    recipe: str | Path, varied: Sequence[str], overrides: Sequence[str] = ()
) -> list[tuple[dict[str, Any], Recipe]]:
    """Give every combination of "section.key=V1,V2,..." as (settings, checked recipe), the last key varying fastest.

    LookalikeError for a key that is varied twice, one that changes which images score the runs, a value that comes
    twice, and whatever the recipe refuses.
    """
    keys = dict(_values(text) for text in varied)
    if len(keys) < len(varied):
        raise LookalikeError(f"--vary names a key twice: {', '.join(varied)}")
    found: list[tuple[dict[str, Any], Recipe]] = []
    for values in itertools.product(*keys.values()):
        chosen = [f"{key}={value}" for key, value in zip(keys, values, strict=True)]
        made = load_recipe(recipe, [*overrides, *chosen])
        if any(made == other for _, other in found):
            raise LookalikeError(f"--vary {' '.join(chosen)}: the recipe is the same as that of another combination")
        found.append(({key: _setting(made, key) for key in keys}, made))
    return found


def _values(text: str) -> tuple[str, list[str]]:
    key, _, values = text.partition("=")
    parts = [value.strip() for value in values.split(",")]
    if not key.strip() or not all(parts):
        raise LookalikeError(f"--vary {text}: write it SECTION.KEY=V1,V2, such as model.dim=16,64")
    if key.strip() in _SAME_IMAGES:
        raise LookalikeError(f"--vary {text}: the runs would be scored on different images; --set it for all of them")
    if len(set(parts)) < len(parts):
        raise LookalikeError(f"--vary {text}: a value comes twice")
    return key.strip(), parts


def _setting(recipe: Recipe, key: str) -> Any:
    section, _, name = key.partition(".")
    return recipe.to_dict()[section].get(name)


def sweep(
    planned: Sequence[tuple[dict[str, Any], Recipe]],
    out: Path,
    *,
    data: str | None = None,
    device: str = "auto",
    progress: Progress = silent,
    options: SourceOptions = USUAL,
) -> Iterator[Run]:
    """Train and score what `combinations` gave, each below the folder `out`, and give the runs one by one.

    options: how the source is read.
    A training that comes to nothing (a collapse, a loss that is no number) gives a run with its error, and the others
    go on. LookalikeError where there is no source or no room, and where `out` is a collection or lies in one.
    """
    training_folder.check_outside_collections(out)
    with training_folder.made(out):
        yield from _runs(planned, out, data, options, device, progress)


def _runs(
    planned: Sequence[tuple[dict[str, Any], Recipe]],
    out: Path,
    data: str | None,
    options: SourceOptions,
    device: str,
    progress: Progress,
) -> Iterator[Run]:
    sets: dict[Preprocessing, TrainingSet] = {}
    for number, (settings, recipe) in enumerate(planned):
        source = data if data is not None else recipe.data.source
        if source is None:
            raise LookalikeError("data.source is missing: give a source with --data, such as --data photos/")
        wanted = preprocessing(recipe.model.backbone, size=recipe.image.size, channels=recipe.image.channels)
        if wanted not in sets:
            sets[wanted] = read_training_set(open_source(source, options), wanted, out, progress)
        name = "+".join(f"{key}={value}" for key, value in settings.items()) or "as-it-is"
        folder = out / urllib.parse.quote(name, safe="=+.,")
        told = _Told(progress, f"run {number + 1} of {len(planned)}: {name}")
        yield _run(settings, recipe, sets[wanted], folder, device, told)


@dataclass(frozen=True)
class _Told:
    """A progress that says which run it is."""

    progress: Progress
    what: str

    def __call__(self, done: int, total: int | None, note: str) -> None:
        self.progress(done, total, f"{self.what} · {note}")


def _run(
    settings: dict[str, Any], recipe: Recipe, data: TrainingSet, folder: Path, device: str, progress: Progress
) -> Run:
    labels = np.array(data.labels, dtype=object)
    _, held = validation.split(labels, recipe.data.validation_classes, recipe.training.seed)
    try:
        card = train_arrays(
            data.images, data.labels, recipe, folder, resume=True, progress=progress, device=device, marks=data.marks
        )
    except TrainingFailed as error:
        return Run(settings, str(folder), error=str(error))
    held = validation.thinned(held)
    encoder = Encoder.load(folder, device=device)
    pixels = data.images[held]
    encoder.encode(pixels[:8])  # the first call is slower
    start = time.perf_counter()
    vectors = encoder.encode(pixels)
    encode_us = 1e6 * (time.perf_counter() - start) / max(1, len(pixels))
    codes = np.unique(labels[held], return_inverse=True)[1]
    found = retrieval(vectors, codes, vectors, codes, own=np.arange(len(codes))[:, None])
    return Run(
        settings, str(folder), found.map_at_r(), found.recall_at(1), card.seconds, card.steps, 4 * card.dim,
        round(encode_us, 1), None, found.average_precision,
    )  # fmt: skip
