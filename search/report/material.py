"""What the sections draw from: the collection, the questions, their answers; each piece made when it is first asked."""

from typing import Any

import numpy as np

from ...store.work.forks import cached_property
from ..deciding.calibration import Calibration
from ..deciding.calibration_file import read_calibration, threshold_of
from ..deciding.classify import decisions
from ..deciding.decisions import Decisions
from ..deciding.rank import DecisionRule
from ..evaluating.responses import Evaluation
from ..images import held_card
from ..view import View
from .page import LeftOut
from .questions import Questions
from .sampling import stratified

MOST_IN_PAIRS = 5000
"""Images whose pairs are looked at: twelve million of them."""


class Material:
    """A collection with labelled questions; `rule` decides, `seed` draws every sample."""

    def __init__(self, view: View, questions: Questions, rule: DecisionRule, seed: int) -> None:
        self.view, self.store = view, view.store
        self.questions, self.rule, self.seed = questions, rule, seed

    @cached_property
    def asked(self) -> Evaluation:
        """The questions as the collection sees them, as `evaluate` measures them; LeftOut without labels."""
        self.need_classes()
        self.need_labels()
        questions, place = self.questions, {name: code for code, name in enumerate(self.store.classes)}
        calibration = threshold_of(self.store, self.rule)
        return Evaluation(
            view=self.view,
            source=questions.named(),
            vectors=questions.vectors,
            labels=questions.labels,
            contents=questions.contents,
            codes=np.array([place.get(label, -1) for label in questions.labels], np.int64),
            own=questions.own,
            made=decisions(self.view, questions.vectors, questions.own, self.rule, calibration),
            calibration=calibration,
            rejected=questions.rejected,
            seen=questions.seen,
        )

    @property
    def answers(self) -> Decisions:
        """What the collection says to each question, its own content left out; LeftOut without labels."""
        return self.asked.made

    @cached_property
    def known(self) -> np.ndarray:
        """(n,) bool: the questions whose class the collection has, their own content left out."""
        if not self.store.classes or not (self.questions.labels != "").any():
            return np.zeros(len(self.questions), bool)
        return self.asked.known

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
        found = "no threshold keeps its word" if calibration.threshold < 0 else f"threshold {calibration.threshold:.3f}"
        own = len(calibration.classes)
        return f"{found}, own ones for {own} of {len(self.store.classes)} classes" if own else found

    @cached_property
    def card(self) -> dict[str, Any] | None:
        """encoder.json of the collection's model, its hash checked; None without a model."""
        return held_card(self.store)

    @property
    def same_or_different(self) -> float | None:
        """The distance up to which the model's training takes two images for the same; None where it stored none."""
        scores = (self.card or {}).get("scores")
        stored = scores.get("same_or_different") if isinstance(scores, dict) else None
        threshold = stored.get("threshold") if isinstance(stored, dict) else None
        return threshold if isinstance(threshold, float) and 0 <= threshold <= 2 else None

    @cached_property
    def paired(self) -> tuple[np.ndarray, np.ndarray]:
        """Vectors (m, d) and class codes (m,) int64 of the labelled questions whose pairs are looked at."""
        self.need_labels()
        labelled = np.flatnonzero(self.questions.labels != "")
        codes = np.unique(self.questions.labels[labelled].astype(str), return_inverse=True)[1].astype(np.int64)
        chosen = stratified(codes, MOST_IN_PAIRS, self.seed)
        return self.questions.vectors[labelled[chosen]], codes[chosen]

    def need_classes(self) -> None:
        """LeftOut where the collection has no classes."""
        if not self.store.classes:
            raise LeftOut("the collection has no labels")

    def need_labels(self) -> None:
        """LeftOut where the questions have no labels."""
        if not (self.questions.labels != "").any():
            raise LeftOut("the images asked with have no labels")
