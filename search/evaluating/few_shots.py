"""Few-shot accuracies of a labelled source: `evaluate --episodes`."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...measures.episodes import drawable, episodes
from ...store.errors import LookalikeError

if TYPE_CHECKING:
    from .responses import Evaluation


@dataclass(frozen=True)
class FewShots:
    """Which episodes to draw: `way` classes, for each of `shots` so many examples, `count` times, from `seed`."""

    way: int = 5
    shots: tuple[int, ...] = (1, 5)
    count: int = 600
    seed: int = 0

    def __post_init__(self) -> None:
        if self.way < 2:
            raise LookalikeError(f"way is {self.way}: an episode needs two classes or more")
        if not self.shots or min(self.shots) < 1:
            raise LookalikeError(f"shots are {list(self.shots)}: give numbers of examples, each 1 or more")
        if self.count < 1:
            raise LookalikeError(f"there are {self.count} episodes to draw: give 1 or more")

    def check(self, asked: "Evaluation") -> None:
        """LookalikeError where the source has too few classes with enough images, saying what it has."""
        codes = _distinct(asked)
        for shots in self.shots:
            classes = len(drawable(codes, shots))
            if classes < self.way:
                work = f"--way {classes} works" if classes > 1 else "give a source with more"
                raise LookalikeError(
                    f"{asked.source} has {classes} classes with {shots + 1} or more images, and {self.way}-way "
                    f"{shots}-shot episodes need {self.way}: {work}"
                )


def few_shots(asked: "Evaluation", wanted: FewShots) -> list[dict[str, Any]]:
    """One dict a number of shots: way, shots, queries, episodes, classes, accuracy, low and high.

    The source's own images are support and queries, each content once: a copy must not ask for itself.
    """
    codes = _distinct(asked)
    return [
        asdict(episodes(asked.vectors, codes, wanted.way, shots, count=wanted.count, seed=wanted.seed))
        for shots in dict.fromkeys(wanted.shots)
    ]


def _distinct(asked: "Evaluation") -> np.ndarray:
    """The source's label codes with -1 for further copies of a content."""
    codes = asked.label_codes.copy()
    seen: set[str] = set()
    for i in np.flatnonzero(codes >= 0):
        content = asked.contents[i]
        if content is not None and content in seen:
            codes[i] = -1
        seen.add(content or "")
    return codes
