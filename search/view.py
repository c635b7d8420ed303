"""One version of a collection as searches see it; each part is loaded when it is first used."""

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from ..store.checks import DEVICES, choice
from ..store.progress import Progress, silent
from ..store.version.store import Store
from ..store.work.forks import cached_property
from .images import Encoders, ImageEncoder

if TYPE_CHECKING:
    from ..indexer.prototypes.prototypes import Prototypes
    from ..indexer.segments.instances import Instances
    from .linear.head import Head


def checked_device(device: str) -> str:
    """The name of a device. Raises LookalikeError for an unknown one, and for "gpu" if FAISS finds no GPU."""
    choice("device", device, DEVICES)
    if device == "gpu":
        from ..indexer.engine.device import choose

        choose(device)
    return device


class View:
    """What is derived from `store`, kept for as long as that version is open.

    device: where searches and encoders run. encoders: shared with other versions of the collection; new ones if None.
    """

    def __init__(self, store: Store, device: str = "auto", encoders: Encoders | None = None) -> None:
        self.store, self.device = store, checked_device(device)
        self.encoders = Encoders(device) if encoders is None else encoders
        self._selection: tuple[str, np.ndarray] | None = None
        self._head: Head | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], version: int | None = None, *, device: str = "auto") -> "View":
        """Open the newest version, or `version`. Raises LookalikeError if it is missing or its manifest is damaged."""
        return cls(Store.open(Path(path), version), device)

    def latest(self) -> "View":
        """A view of the newest version with the same encoders: this very one if nothing was committed since."""
        store = self.store.latest()
        return self if store is self.store else View(store, self.device, self.encoders)

    def __enter__(self) -> "View":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.store.close()

    @property
    def images(self) -> ImageEncoder:
        """The encoder of the collection's model. Raises LookalikeError if the collection has no model."""
        return self.encoders.of(self.store)

    @cached_property
    def instances(self) -> "Instances":
        """The index over instances: segments and the exact tail."""
        from ..indexer.segments.instances import Instances

        return Instances(self.store, device=self.device)

    @cached_property
    def prototypes(self) -> "Prototypes":
        """The unit rows that stand for classes, one or more per class: those folded at `index`, brought up to date."""
        from ..indexer.prototypes.prototypes import Prototypes

        return Prototypes.of(self.store)

    @cached_property
    def labelled(self) -> np.ndarray | None:
        """(next_row,) bool: the rows that have a label, and so a vote; None if all rows have one."""
        rows = self.store.live_rows()
        with_label = self.store.codes(rows) >= 0
        if with_label.all():
            return None
        mask = np.zeros(self.store.next_row, bool)
        mask[rows[with_label]] = True
        return mask

    def head(self, progress: Progress = silent) -> "Head":
        """The linear head: the stored one, or else one that is fitted in memory and kept."""
        if self._head is None:
            from .linear.stored import head_of

            self._head = head_of(self.store, progress)
        return self._head

    def fit_head(self, progress: Progress = silent) -> "Head":
        """The linear head, fitted again if the stored one is out of date or missing, and kept."""
        from .linear.stored import current_head

        self._head = current_head(self.store, progress)
        return self._head

    def meeting(self, where: str | None) -> np.ndarray | None:
        """(next_row,) bool: the rows that meet the SQL condition, None without one. The last result is kept."""
        if where is None:
            return None
        if self._selection is None or self._selection[0] != where:
            from ..store.version.conditions.where import where as selected

            self._selection = (where, selected(self.store, where))
        return self._selection[1]
