"""A sweep: one recipe trained with every combination of varied settings, all scored on the same images.

Each training has its own folder and is not repeated, so that an interrupted sweep can be resumed. The images are
decoded once for all trainings with the same preprocessing.
"""

import itertools
import time
import urllib.parse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ....measures.retrieval import retrieval
from ....store.errors import LookalikeError, TrainingFailed
from ....store.progress import Progress, silent
from ...backbones import preprocessing
from ...encoders.encoder import Encoder
from ...images.preprocessing import Preprocessing
from ...recipe.recipe import Recipe, load_recipe
from ...sources import SourceOptions, open_source
from ...sources.options import USUAL
from .. import folder as training_folder
from .. import validation
from ..train import train_arrays
from ..training_set import TrainingSet, read_training_set

_SAME_IMAGES = ("data.source", "data.validation_classes", "training.seed")


@dataclass(frozen=True)
class Run:
    """One training of a sweep.

    settings: the varied keys and their values in the recipe. model: its folder. map_at_r, recall_at_1: on the
    validation images, None where undefined. seconds: of training. steps: taken. vector_bytes: of a stored vector.
    encode_us: microseconds to encode an image on this machine, without decoding. precisions: (nq,) float64, the average
    precision at R of each validation image. error: why the other fields are missing.
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
        """The fields as plain values, without `precisions`."""
        return {name: value for name, value in vars(self).items() if name != "precisions"}


def combinations(
    recipe: str | Path, varied: Sequence[str], overrides: Sequence[str] = ()
) -> list[tuple[dict[str, Any], Recipe]]:
    """Every combination of "section.key=V1,V2,..." as (settings, checked recipe); the last key varies fastest.

    Raises LookalikeError for a key that is varied twice, a key that changes which images score the runs, a value that
    occurs twice, and for an invalid recipe.
    """
    keys = dict(_values(text) for text in varied)
    if len(keys) < len(varied):
        raise LookalikeError(f"--vary names a key twice: {', '.join(varied)}")
    planned: list[tuple[dict[str, Any], Recipe]] = []
    for values in itertools.product(*keys.values()):
        chosen = [f"{key}={value}" for key, value in zip(keys, values, strict=True)]
        varied_recipe = load_recipe(recipe, [*overrides, *chosen])
        if any(varied_recipe == other for _, other in planned):
            raise LookalikeError(f"--vary {' '.join(chosen)} gives the same recipe as another combination")
        planned.append(({key: _setting(varied_recipe, key) for key in keys}, varied_recipe))
    return planned


def _values(text: str) -> tuple[str, list[str]]:
    key, _, values = text.partition("=")
    parts = [value.strip() for value in values.split(",")]
    if not key.strip() or not all(parts):
        raise LookalikeError(f"--vary {text}: write it as SECTION.KEY=V1,V2, for example model.dim=16,64")
    if key.strip() in _SAME_IMAGES:
        raise LookalikeError(
            f"--vary {text}: the runs would be scored on different images; use --set, which is the same for all runs"
        )
    if len(set(parts)) < len(parts):
        raise LookalikeError(f"--vary {text} has a value twice")
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
    """Train and score the result of `combinations`, each in a folder below `out`, and yield the runs one by one.

    options: how the source is read. A training that fails (a collapse, a loss that is not finite) gives a run with its
    error, and the others continue. Raises LookalikeError if there is no source or no room, and if `out` is a collection
    or in one.
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
            raise LookalikeError("data.source is missing: give a source with --data, for example --data photos/")
        pixels = preprocessing(recipe.model.backbone, size=recipe.image.size, channels=recipe.image.channels)
        if pixels not in sets:
            sets[pixels] = read_training_set(open_source(source, options), pixels, out, progress)
        name = "+".join(f"{key}={value}" for key, value in settings.items()) or "as-it-is"
        folder = out / urllib.parse.quote(name, safe="=+.,")
        told = _Told(progress, f"run {number + 1} of {len(planned)}: {name}")
        yield _run(settings, recipe, sets[pixels], folder, device, told)


@dataclass(frozen=True)
class _Told:
    """A progress that also names the run."""

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
    scores = retrieval(vectors, codes, vectors, codes, own=np.arange(len(codes))[:, None])
    return Run(
        settings, str(folder), scores.map_at_r(), scores.recall_at(1), card.seconds, card.steps, 4 * card.dim,
        round(encode_us, 1), None, scores.average_precision,
    )  # fmt: skip
