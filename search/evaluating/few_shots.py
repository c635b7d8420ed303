"""Few-shot accuracies of a labelled source: `evaluate --episodes`."""

from dataclasses import asdict, dataclass

import numpy as np

from ...measures.episodes import drawable, episodes
from ...store.checks import whole_number
from ...store.errors import LookalikeError
from .responses import Responses
from .results import FewShotScore


@dataclass(frozen=True)
class FewShots:
    """Which episodes to draw: `count` of them for each number of `shots`, with `way` classes, by random seed `seed`."""

    way: int = 5
    shots: tuple[int, ...] = (1, 5)
    count: int = 600
    seed: int = 0

    def __post_init__(self) -> None:
        whole_number("way", self.way, 2)
        if not self.shots:
            raise LookalikeError("shots is empty: give the number of examples per class, such as 1 or 5")
        for shots in self.shots:
            whole_number("shots", shots)
        whole_number("count", self.count)
        whole_number("seed", self.seed, 0)

    def check(self, responses: Responses) -> None:
        """Raises LookalikeError where the source has too few classes with enough images."""
        codes = _distinct(responses)
        for shots in self.shots:
            classes = len(drawable(codes, shots))
            if classes < self.way:
                remedy = f"use --way {classes} or less" if classes > 1 else "give a source with more images per class"
                raise LookalikeError(
                    f"{responses.source} has {classes} classes with at least {shots + 1} images, but {self.way}-way "
                    f"{shots}-shot episodes need {self.way}: {remedy}"
                )


def few_shots(responses: Responses, options: FewShots) -> tuple[FewShotScore, ...]:
    """The accuracy for each number of shots.

    The source's images are support and queries. Each content counts once, since a copy would be recognised by itself.
    """
    codes = _distinct(responses)
    drawn = (
        episodes(responses.vectors, codes, options.way, shots, count=options.count, seed=options.seed)
        for shots in dict.fromkeys(options.shots)
    )
    return tuple(FewShotScore(**asdict(score)) for score in drawn)


def _distinct(responses: Responses) -> np.ndarray:
    """The source's label codes, with -1 for further copies of a content."""
    codes = responses.label_codes.copy()
    seen: set[str] = set()
    for i in np.flatnonzero(codes >= 0):
        content = responses.contents[i]
        if content is not None and content in seen:
            codes[i] = -1
        seen.add(content or "")
    return codes
