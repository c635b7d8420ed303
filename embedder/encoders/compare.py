"""Comparing two images: the same class or different ones, by the threshold of an encoder or by a given one."""

from dataclasses import asdict, dataclass
from os import PathLike, fspath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ...store.checks import quoted
from ...store.codec import from_plain
from ...store.errors import LookalikeError
from ..images.processes.process import start_early
from .encode import encode_images
from .encoder import Encoder
from .files import CARD
from .load import load_encoder
from .same_or_different import SameOrDifferent

Picture = str | PathLike[str] | bytes | Image.Image | NDArray[np.uint8]


@dataclass(frozen=True)
class Comparison:
    """The answer of `compare`.

    a, b: the names of the images. same: whether the distance is at most the threshold; None without a threshold.
    distance: from 0 to 2. measured: the errors at the threshold on the encoder's validation images; None if the
    threshold was given.
    """

    a: str
    b: str
    same: bool | None
    distance: float
    threshold: float | None
    measured: SameOrDifferent | None

    def to_json(self) -> dict[str, Any]:
        """The fields of `compare --json`; those that are unknown are None."""
        names = [name for name in SameOrDifferent.__dataclass_fields__ if name != "threshold"]
        measured = asdict(self.measured) if self.measured else dict.fromkeys(names)
        plain = {name: getattr(self, name) for name in ("a", "b", "same", "distance", "threshold")}
        return {**plain, **{name: measured[name] for name in names}}

    def __str__(self) -> str:
        verdict = {True: "same", False: "different", None: "undecided"}[self.same]
        limit = "no threshold" if self.threshold is None else f"threshold {self.threshold:.3f}"
        lines = [f"{verdict}: distance {self.distance:.3f}, {limit}"]
        if self.measured:
            lines.append(str(self.measured))
        return "\n".join(lines)


def compare(
    a: Picture,
    b: Picture,
    model: str | PathLike[str] | Encoder,
    *,
    threshold: float | None = None,
    device: str = "auto",
) -> Comparison:
    """Say whether two images are of the same class, as judged by the encoder `model`.

    Parameters
    ----------
    a, b : files, encoded bytes, PIL images, or pixels as uint8 (h, w) or (h, w, c).
    model : the folder of a trained model, "pretrained", or an Encoder.
    threshold : the distance up to which images count as the same, instead of the one that training stored.
    device : "auto" (a GPU if there is one), "cpu" or "gpu".

    Returns
    -------
    Comparison : a frozen dataclass with `same`, `distance`, `threshold`, and the errors of a stored threshold in
        `measured`. Without a threshold, `same` is None.

    Raises
    ------
    LookalikeError : for a model or an image that cannot be read, and for a threshold outside of 0 to 2.

    Examples
    --------
    >>> import lookalike
    >>> import numpy as np
    >>> grey = np.full((64, 64), 128, dtype=np.uint8)
    >>> answer = lookalike.compare(grey, grey, "pretrained", threshold=0.5)
    >>> answer.same, answer.distance
    (True, 0.0)
    """
    if threshold is not None and not 0 <= threshold <= 2:
        raise LookalikeError(f"threshold is {threshold!r}: it must be a distance from 0 to 2")
    start_early()  # while the model is read
    encoder = model if isinstance(model, Encoder) else load_encoder(fspath(model), device=device)
    rows = []
    for answer in encode_images(encoder, [a, b]):
        if isinstance(answer, LookalikeError):
            raise answer
        rows.append(answer)
    # For unit rows this equals the distance computed from their score, and it is exactly 0 for equal rows.
    distance = np.float32(np.linalg.norm(rows[0].astype(np.float64) - rows[1]))
    measured = None if threshold is not None else stored_threshold(encoder)
    limit = measured.threshold if measured else threshold
    same = None if limit is None else bool(distance <= np.float32(limit))
    return Comparison(_name(a), _name(b), same, float(distance), limit, measured)


def stored_threshold(encoder: Encoder) -> SameOrDifferent | None:
    """The threshold that training stored with the encoder, and its errors; None if it has none.

    Raises LookalikeError if the entry in encoder.json is not valid.
    """
    try:
        return _stored(encoder.card["scores"], f"{CARD}, scores")
    except LookalikeError as error:
        raise LookalikeError(f"{error}; train the model again, or give a threshold") from None


def _stored(scores: Any, where: str) -> SameOrDifferent | None:
    """The threshold among a card's scores, each field checked."""
    if not isinstance(scores, dict):
        raise LookalikeError(f"{where}: {quoted(scores)} is not a table of scores")
    if (stored := scores.get("same_or_different")) is None:
        return None
    measured = from_plain(SameOrDifferent, stored, f"{where}, same_or_different")
    if not 0 <= measured.threshold <= 2:
        raise LookalikeError(
            f"{where}, same_or_different: threshold is {measured.threshold}, and it must be a distance from 0 to 2"
        )
    return measured


def _name(picture: Picture) -> str:
    if isinstance(picture, str | PathLike):
        return fspath(picture)
    return str(getattr(picture, "filename", "") or "picture")
