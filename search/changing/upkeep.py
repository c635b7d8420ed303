"""What keeps a collection fast and sound: its index, checks of its files, older versions, exports."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...store.errors import LookalikeError
from ...store.progress import Progress, silent
from ...store.record import Record
from ...store.sizes import parse_duration
from ...store.upkeep import housekeeping
from ...store.upkeep.housekeeping import GcResult
from ...store.upkeep.verify import verify
from ...store.version.export import export
from ..opened import PathLike
from .changes import ChangingCollection

if TYPE_CHECKING:
    from ...indexer.segments.card import IndexCard


@dataclass(frozen=True, eq=False)
class FileCheck(Record):
    """A file of a collection, relative to its folder, and what is wrong with it; None where nothing is."""

    file: str
    problem: str | None


@dataclass(frozen=True, eq=False)
class RollbackResult(Record):
    """The number of the version that `rollback` published, and how many rows it has."""

    version: int
    rows: int


@dataclass(frozen=True, eq=False)
class ExportResult(Record):
    """The file that `export` wrote, and how many rows it has."""

    file: str
    rows: int


def try_index(path: Path, spec: str, dim: int) -> str | None:
    """What is wrong with an index file; None where nothing is, and where FAISS is not installed."""
    try:
        from ...indexer.engine.trial import File, unreadable
    except LookalikeError:
        return None
    return unreadable(File(path, "", spec, dim))


class KeptCollection(ChangingCollection):
    """An open collection with its index and the upkeep of its files."""

    def index(
        self,
        recall: float = 0.95,
        k: int = 10,
        spec: str = "auto",
        memory: int | str | None = None,
        device: str = "auto",
        *,
        compact: bool = False,
        progress: Progress = silent,
    ) -> "IndexCard":
        """Build or extend the index over instances, fold the prototypes, and measure the recall.

        A linear head that is stored is fitted again where rows were added or removed since.

        Parameters
        ----------
        recall : float
            The recall@k to reach, from 0 to 1.
        k : int
            The k of that recall.
        spec : str
            "auto", or any FAISS factory string.
        memory : int or str, optional
            Bound of the index in memory: bytes, or text such as "2G".
        device : {"auto", "cpu", "gpu"}
            Where the index will be searched; "auto" means where the collection was opened.
        compact : bool
            Drop removed rows physically, and merge small files.
        progress : callable
            Called as progress(done, total, note).

        Returns
        -------
        IndexCard
            What was built and measured.

        Raises
        ------
        LookalikeError
            If the collection is empty, no index keeps within `memory`, or `spec` is no factory string of FAISS.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"], ["cat", "cat", "dog"])
        3
        >>> card = shop.index()
        >>> card.rows, card.recall, card.classes
        (3, 1.0, 2)
        >>> folder.cleanup()
        """
        from ...indexer.index import index
        from ..linear.stored import refit

        card = index(
            self.path,
            spec=spec,
            recall=recall,
            k=k,
            memory=memory,
            device=self._device if device == "auto" else device,
            compact=compact,
            progress=progress,
            also=refit,
        )
        self.refresh()
        return card

    def keep_prototypes(self, window: int | None = None, per_class: int | None = None) -> None:
        """Choose from which images prototypes are computed, from now on. Exact, and nothing is trained again.

        Parameters
        ----------
        window : int, optional
            Use the newest `window` images per class, or all for 0. None leaves the setting as it is.
        per_class : int, optional
            At most this many prototypes per class. None leaves the setting as it is.

        Raises
        ------
        LookalikeError
            If a number is out of range.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"], ["cat", "cat", "dog"])
        3
        >>> shop.keep_prototypes(window=1)
        >>> [(row.name, row.count) for row in shop.list_prototypes()]
        [('cat', 1), ('dog', 1)]
        >>> folder.cleanup()
        """
        from ...indexer.prototypes.publishing import keep

        keep(self.path, window=window, per_class=per_class)
        self.refresh()

    def verify(self, *, progress: Progress = silent) -> list[FileCheck]:
        """Read every byte of the collection, older versions too, open its indexes, and compare what files say.

        Parameters
        ----------
        progress : callable
            Called as progress(done, None, file).

        Returns
        -------
        list of FileCheck
            One entry per file, or several for a file with several problems.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"])
        3
        >>> [check for check in shop.verify() if check.problem is not None]
        []
        >>> folder.cleanup()
        """
        checks = []
        for file, problem in verify(self.path, try_index):
            checks.append(FileCheck(file, problem))
            progress(len(checks), None, file)
        return checks

    def rollback(self, version: int | None = None) -> RollbackResult:
        """Publish an older version as the newest one, with a new number, and move to it.

        Where the newest version is damaged, open an older one first: `Collection.open(path, version)`.

        Parameters
        ----------
        version : int, optional
            The version to go back to; by default the last sound one before the newest.

        Returns
        -------
        RollbackResult
            The new version and its rows.

        Raises
        ------
        LookalikeError
            If there is no such version, or a file of it is damaged.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"])
        3
        >>> shop.remove("a")
        1
        >>> shop.rollback()
        RollbackResult(version=4, rows=3)
        >>> folder.cleanup()
        """
        with housekeeping.rollback(self.path, version) as store:
            result = RollbackResult(store.version, store.rows)
        self.refresh()
        return result

    def gc(self, keep_younger: float | str = housekeeping.DAY) -> GcResult:
        """Delete what neither the last two versions nor versions that are open need.

        Parameters
        ----------
        keep_younger : float or str
            Keep files that no version names while they are younger: seconds, or text such as "90m", "24h" or "7d".
            Another process may be about to commit them.

        Returns
        -------
        GcResult
            How many versions and files were deleted, and their bytes.

        Raises
        ------
        LookalikeError
            If the newest version is damaged, or a folder of the collection is a link. Nothing is deleted then.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> [shop.add(row[None], [str(i)]) for i, row in enumerate(np.eye(3))]
        [1, 1, 1]
        >>> shop.gc().versions
        2
        >>> folder.cleanup()
        """
        return housekeeping.gc(
            self.path, parse_duration(keep_younger) if isinstance(keep_younger, str) else keep_younger
        )

    def export(self, out: PathLike, *, progress: Progress = silent) -> ExportResult:
        """Write all live rows to one file for other tools.

        Parameters
        ----------
        out : str or path-like
            A file that does not exist yet: .parquet for all columns, .npy for the vectors alone, (rows, d) float32.
        progress : callable
            Called as progress(done, total, note).

        Returns
        -------
        ExportResult
            The file and its rows.

        Raises
        ------
        LookalikeError
            If `out` exists or ends otherwise, or the collection never held a vector.

        Examples
        --------
        >>> import tempfile, numpy as np, lookalike
        >>> folder = tempfile.TemporaryDirectory()
        >>> shop = lookalike.Collection.create(f"{folder.name}/shop")
        >>> shop.add(np.eye(3), ["a", "b", "c"])
        3
        >>> shop.export(f"{folder.name}/vectors.npy").rows
        3
        >>> np.load(f"{folder.name}/vectors.npy").shape
        (3, 3)
        >>> folder.cleanup()
        """
        export(self._store, Path(out), progress)
        return ExportResult(str(out), self._store.rows)
