"""A collection that is open at one version: opening, closing, moving to the newest version, what it holds."""

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..store.version import tables
from ..store.version.store import Store
from .images import Encoders
from .view import View, checked_device

if TYPE_CHECKING:
    import pyarrow as pa


PathLike = str | os.PathLike[str]


class OpenedCollection:
    """A version of a collection and the encoders of its images, until it is closed."""

    def __init__(self, store: Store, device: str = "auto", encoders: Encoders | None = None) -> None:
        self._device = checked_device(device)
        self._encoders = Encoders(device) if encoders is None else encoders
        self._show(store)

    @classmethod
    def create(cls, path: PathLike, *, device: str = "auto") -> Self:
        """Make an empty collection in a folder that is empty or not there yet; LookalikeError otherwise."""
        return cls(Store.create(Path(path)), device)

    @classmethod
    def open_or_create(cls, path: PathLike, *, device: str = "auto") -> Self:
        """Open the newest version, or make an empty collection where there is none."""
        return cls(Store.open_or_create(Path(path)), device)

    @classmethod
    def open(cls, path: PathLike, version: int | None = None, *, device: str = "auto") -> Self:
        """Open the newest version, or `version`; LookalikeError where there is none or its manifest is damaged."""
        return cls(Store.open(Path(path), version), device)

    def close(self) -> None:
        """Let go of the version held; `gc` may then collect it."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """What another process opens the collection from again: its path, version and device, and nothing loaded."""
        return {"path": str(self.path), "version": self._store.version, "device": self._device}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(Store.open(state["path"], state["version"]), state["device"])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"Collection({str(self.path)!r}, version {self._store.version}, {len(self)} rows)"

    def __len__(self) -> int:
        return self._store.rows

    @property
    def path(self) -> Path:
        """The collection's folder."""
        return self._store.path

    def refresh(self) -> Self:
        """Move to the newest version and return self."""
        self._show(self._store.latest())
        return self

    def _show(self, store: Store) -> None:
        self._store = store
        self._view = View(store, self._device, self._encoders)

    def vectors(self, columns: list[str] | None = None) -> "pa.Table":
        """All live rows as an Arrow table: row, key, label, vector and the stored facts, or only `columns`.

        Text is as it is stored: a name that is no UTF-8, as file names may be, has escapes (see `store.escaped`).
        """
        return tables.live_table(self._store, columns)

    def info(self) -> dict[str, Any]:
        """The fields of `info --json`."""
        return tables.info(self._store)
