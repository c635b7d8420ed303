"""A collection that is open at one version: opening, closing, moving to the newest version, what it holds."""

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..store.version import tables
from ..store.version.store import Store
from ..store.version.tables import CollectionInfo
from .images import Encoders
from .view import View

if TYPE_CHECKING:
    import pyarrow as pa


PathLike = str | os.PathLike[str]


class OpenedCollection:
    """A version of a collection and the encoders of its images, until it is closed."""

    def __init__(self, store: Store, device: str = "auto", encoders: Encoders | None = None) -> None:
        self._view = View(store, device, encoders)

    @property
    def _store(self) -> Store:
        return self._view.store

    @property
    def _device(self) -> str:
        return self._view.device

    @classmethod
    def create(cls, path: PathLike, *, device: str = "auto") -> Self:
        """Make an empty collection.

        Parameters
        ----------
        path : str or path-like
            A folder that is empty or does not exist yet.
        device : {"auto", "cpu", "gpu"}
            Where searches and encoders run; "auto" uses a GPU where there is one.

        Returns
        -------
        Collection

        Raises
        ------
        LookalikeError
            If the folder is not empty, or the device is unknown or cannot be used.

        Examples
        --------
        >>> import tempfile, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> with lookalike.Collection.create(f"{folder.name}/shop") as shop:
        ...     len(shop)
        0
        >>> folder.cleanup()
        """
        return cls(Store.create(Path(path)), device)

    @classmethod
    def open_or_create(cls, path: PathLike, *, device: str = "auto") -> Self:
        """Open the newest version, or make an empty collection where there is none.

        Parameters
        ----------
        path : str or path-like
            The collection's folder.
        device : {"auto", "cpu", "gpu"}
            Where searches and encoders run.

        Returns
        -------
        Collection

        Raises
        ------
        LookalikeError
            If the folder holds other files, or the newest version is damaged.

        Examples
        --------
        >>> import tempfile, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> lookalike.Collection.open_or_create(f"{folder.name}/shop").info().version
        1
        >>> folder.cleanup()
        """
        return cls(Store.open_or_create(Path(path)), device)

    @classmethod
    def open(cls, path: PathLike, version: int | None = None, *, device: str = "auto") -> Self:
        """Open a collection.

        Parameters
        ----------
        path : str or path-like
            The collection's folder.
        version : int, optional
            The version to open; the newest one by default.
        device : {"auto", "cpu", "gpu"}
            Where searches and encoders run.

        Returns
        -------
        Collection

        Raises
        ------
        LookalikeError
            If there is no such collection or version, or its manifest is damaged.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> with lookalike.Collection.create(f"{folder.name}/shop") as shop:
        ...     _ = shop.add(np.eye(3), ["a", "b", "c"])
        >>> with lookalike.Collection.open(f"{folder.name}/shop") as shop:
        ...     len(shop)
        3
        >>> folder.cleanup()
        """
        return cls(Store.open(Path(path), version), device)

    def close(self) -> None:
        """Release the version that is open, so that `gc` may remove it. A `with` statement does the same at its end."""
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """What another process needs to open the collection again: its path, version and device."""
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
        """Move to the newest version, which another process may have written.

        Returns
        -------
        Collection
            This collection.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> writer = lookalike.Collection.create(f"{folder.name}/shop")
        >>> reader = lookalike.Collection.open(f"{folder.name}/shop")
        >>> writer.add(np.eye(3), ["a", "b", "c"])
        3
        >>> len(reader), len(reader.refresh())
        (0, 3)
        >>> folder.cleanup()
        """
        self._view = self._view.latest()
        return self

    def vectors(self, columns: list[str] | None = None) -> "pa.Table":
        """All live rows as an Arrow table.

        Parameters
        ----------
        columns : list of str, optional
            The columns to read, beside `row`; by default all: key, label, vector and the stored facts.

        Returns
        -------
        pyarrow.Table
            Text is as it is stored: a name that is not UTF-8, as file names may be, has escapes (see `store.escaped`).

        Raises
        ------
        LookalikeError
            If there is no such column.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(2), ["a", "b"], ["cat", "dog"])
        2
        >>> shop.vectors(["key", "label"]).to_pydict()
        {'row': [0, 1], 'key': ['a', 'b'], 'label': ['cat', 'dog']}
        >>> folder.cleanup()
        """
        return tables.live_table(self._store, columns)

    def info(self) -> CollectionInfo:
        """Describe the collection at the version that is open.

        Returns
        -------
        CollectionInfo
            Counts, sizes, model and sources: the fields of `lookalike info --json`.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"], ["cat", "cat", "dog"])
        3
        >>> info = shop.info()
        >>> info.rows, info.classes, info["dim"]
        (3, 2, 3)
        >>> folder.cleanup()
        """
        return tables.info(self._store)
