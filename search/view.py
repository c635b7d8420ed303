"""One version of a collection as searches see it; every piece is loaded when it is first asked for."""

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from ..store.errors import LookalikeError
from ..store.progress import Progress, silent
from ..store.version.store import Store
from ..store.work.forks import cached_property
from .images import Encoders, ImageEncoder

if TYPE_CHECKING:
    from ..indexer.prototypes.prototypes import Prototypes
    from ..indexer.segments.instances import Instances
    from .linear.head import Head


DEVICES = ("auto", "cpu", "gpu")


def checked_device(device: str) -> str:
    """The name of a device; LookalikeError for another one, and for "gpu" where FAISS finds none."""
    if device not in DEVICES:
        raise LookalikeError(f"device {device!r} is not known: {', '.join(DEVICES)} works")
    if device == "gpu":
        from ..indexer.engine.device import choose

        choose(device)
    return device


class View:
    """What is derived from `store`, kept for as long as that version is shown.

    device: where searches and encoders run. encoders: those that other versions use too; own ones where none are given.
    """

    def __init__(self, store: Store, device: str = "auto", encoders: Encoders | None = None) -> None:
        self.store, self.device = store, checked_device(device)
        self._encoders = Encoders(device) if encoders is None else encoders
        self._selection: tuple[str, np.ndarray] | None = None
        self._head: Head | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], version: int | None = None, *, device: str = "auto") -> "View":
        """Open the newest version, or `version`; LookalikeError where there is none or its manifest is damaged."""
        return cls(Store.open(Path(path), version), device)

    def __enter__(self) -> "View":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    @property
    def images(self) -> ImageEncoder:
        """The encoder of the collection's model, loaded when the first image arrives; LookalikeError without one."""
        return self._encoders.of(self.store)

    @cached_property
    def instances(self) -> "Instances":
        """The index over instances: segments and the exact tail."""
        from ..indexer.segments.instances import Instances

        return Instances(self.store, device=self.device)

    @cached_property
    def prototypes(self) -> "Prototypes":
        """The unit rows that stand for classes, one or more each: those folded at `index` with what changed since."""
        from ..indexer.prototypes.prototypes import Prototypes

        return Prototypes.of(self.store)

    @cached_property
    def labelled(self) -> np.ndarray | None:
        """(next_row,) bool: the rows that have a label and so a vote; None where all have."""
        rows = self.store.live_rows()
        with_label = self.store.codes(rows) >= 0
        if with_label.all():
            return None
        mask = np.zeros(self.store.next_row, bool)
        mask[rows[with_label]] = True
        return mask

    def head(self, progress: Progress = silent) -> "Head":
        """The linear head: the stored one, or one fitted in memory where there is none; kept."""
        if self._head is None:
            from .linear.stored import head_of

            self._head = head_of(self.store, progress)
        return self._head

    def fit_head(self, progress: Progress = silent) -> "Head":
        """The linear head, fitted anew where the stored one is out of date or there is none; kept."""
        from .linear.stored import current_head

        self._head = current_head(self.store, progress)
        return self._head

    def meeting(self, where: str | None) -> np.ndarray | None:
        """(next_row,) bool: the rows that meet the SQL condition, None without one; the last one asked is kept."""
        if where is None:
            return None
        if self._selection is None or self._selection[0] != where:
            from ..store.version.conditions.where import where as selected

            self._selection = (where, selected(self.store, where))
        return self._selection[1]
