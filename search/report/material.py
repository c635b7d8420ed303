"""What the sections draw: the collection, the questions and their answers, each computed when it is first needed."""

from typing import Any

import numpy as np

from ...store.version.lookups import codes_of
from ...store.work.forks import cached_property
from ..deciding.calibration import Calibration
from ..deciding.calibration_file import read_calibration, threshold_of
from ..deciding.classify import decisions
from ..deciding.decisions import Decisions
from ..deciding.rank import DecisionRule
from ..evaluating.responses import Responses
from ..images import held_card
from ..view import View
from .page import LeftOut
from .questions import Questions
from .sampling import stratified

MOST_IN_PAIRS = 5000
"""Images whose pairs are measured: twelve million pairs."""


class Material:
    """A collection with labelled questions; `rule` decides, `seed` draws every sample."""

    def __init__(self, view: View, questions: Questions, rule: DecisionRule, seed: int) -> None:
        self.view, self.store = view, view.store
        self.questions, self.rule, self.seed = questions, rule, seed

    @cached_property
    def responses(self) -> Responses:
        """The questions with the collection's answers, as `evaluate` measures them. Raises LeftOut without labels."""
        self.need_classes()
        self.need_labels()
        questions = self.questions
        calibration = threshold_of(self.store, self.rule)
        return Responses(
            view=self.view,
            source=questions.named(),
            vectors=questions.vectors,
            labels=questions.labels,
            contents=questions.contents,
            codes=codes_of(questions.labels, self.store.classes),
            excluded_rows=questions.excluded_rows,
            answers=decisions(self.view, questions.vectors, questions.excluded_rows, self.rule, calibration),
            calibration=calibration,
            rejected=questions.rejected,
            seen=questions.seen,
        )

    @property
    def answers(self) -> Decisions:
        """The answer to each question, with its own content left out. Raises LeftOut without labels."""
        return self.responses.answers

    @cached_property
    def known(self) -> np.ndarray:
        """(n,) bool: the questions whose class the collection has, apart from their own content."""
        if not self.store.classes or not (self.questions.labels != "").any():
            return np.zeros(len(self.questions), bool)
        return self.responses.known

    @cached_property
    def unknown(self) -> np.ndarray:
        """(n,) bool: the questions with a label that the collection does not have."""
        classes = {"", *self.store.classes}
        return np.array([label not in classes for label in self.questions.labels], bool)

    @cached_property
    def calibration(self) -> Calibration | None:
        """The calibration for this way of deciding, None without one."""
        return read_calibration(self.store, self.rule.by)

    @property
    def threshold(self) -> str:
        """The calibrated threshold in words."""
        calibration = self.calibration
        if calibration is None:
            return "no threshold yet (lookalike calibrate chooses one)"
        common = "no threshold whose bound holds"
        if calibration.threshold >= 0:
            common = f"threshold {calibration.threshold:.3f}"
        classes = len(calibration.classes)
        return f"{common}, and one of its own for {classes} of {len(self.store.classes)} classes" if classes else common

    @cached_property
    def card(self) -> dict[str, Any] | None:
        """encoder.json of the collection's model, its hash checked; None without a model."""
        return held_card(self.store)

    @property
    def same_or_different(self) -> float | None:
        """The distance up to which two images count as the same, as training stored it; None without one."""
        scores = (self.card or {}).get("scores")
        stored = scores.get("same_or_different") if isinstance(scores, dict) else None
        threshold = stored.get("threshold") if isinstance(stored, dict) else None
        return threshold if isinstance(threshold, float) and 0 <= threshold <= 2 else None

    @cached_property
    def paired(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (m, d) and class codes (m,) int64 of the labelled questions whose pairs are measured."""
        self.need_labels()
        labelled = np.flatnonzero(self.questions.labels != "")
        codes = np.unique(self.questions.labels[labelled].astype(str), return_inverse=True)[1].astype(np.int64)
        chosen = stratified(codes, MOST_IN_PAIRS, self.seed)
        return self.questions.vectors[labelled[chosen]], codes[chosen]

    def need_classes(self) -> None:
        """Raises LeftOut where the collection has no classes."""
        if not self.store.classes:
            raise LeftOut("the collection has no labels")

    def need_labels(self) -> None:
        """Raises LeftOut where the questions have no labels."""
        if not (self.questions.labels != "").any():
            raise LeftOut("the query images have no labels")
