"""A walk through a folder of images: all inputs in sorted order, depth first, with one folder in memory at a time.

Links to files are paths like others. Links to folders are paths, which reading rejects, so that no loop can be entered;
where links are followed they are entered, unless they lead to a folder that lies on the way to them.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ...store.errors import LookalikeError
from ...store.shown import shown
from .files import check_own_fault, is_input
from .left_out import Exclusion, is_debris, is_remarkable
from .options import SourceOptions

_FEW = 3


class Found(NamedTuple):
    """An input below the root: its path, with "/", and whether it is a link back to a folder on the way to it."""

    path: str
    is_loop: bool = False


class Walk:
    """One walk through `root`, an absolute path. What it leaves out is known once `inputs` has run.

    ignored: how many files and folders were left out, a folder once. debris: how many of them were left behind by
    systems, by name. unlisted: a folder that cannot be listed, None where there is none. is_ours: says of a path that
    it is no image but belongs to the source.
    """

    def __init__(self, root: str, options: SourceOptions, is_ours: Callable[[str], bool] = lambda path: False) -> None:
        self.root, self.follow = root, options.follow_links
        self.exclusion = Exclusion(options.exclude)
        self.ignored = 0
        self.debris: Counter[str] = Counter()
        self.unlisted: str | None = None
        self._is_ours = is_ours

    def inputs(self) -> Iterator[Found]:
        """All inputs, and folders that cannot be listed. Raises LookalikeError if the root cannot be listed."""
        # Our own stack: the depth of a tree is not bounded by Python's.
        waiting = [self._listing("")]
        on_the_way = [self._identity("")]
        while waiting:
            for path, is_folder in waiting[-1]:
                if not is_folder:
                    yield Found(path)
                    continue
                identity = self._identity(path)
                if identity is not None and identity in on_the_way:
                    yield Found(path, is_loop=True)
                    continue
                waiting.append(self._listing(path))
                on_the_way.append(identity)
                break
            else:
                waiting.pop()
                on_the_way.pop()

    def notes(self) -> list[str]:
        """Sentences for people on files and folders that were left out."""
        notes = []
        if count := self.debris.total():
            what = "file or folder" if count == 1 else "files and folders"
            notes.append(f"skipped {count} {what} created by a file server or system: {_names(self.debris)}")
        return notes + [f"--exclude {pattern!r} did not match anything" for pattern in self.exclusion.unused]

    def _identity(self, path: str) -> tuple[int, int] | None:
        """The folder that a path leads to; None if links are not followed, or it cannot be read."""
        if not self.follow:
            return None
        try:
            found = os.stat(os.path.join(self.root, path))
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _listing(self, folder: str) -> Iterator[tuple[str, bool]]:
        """(path below the root, whether to enter it) of one folder, sorted by name; a folder that fails is a path."""
        try:
            with os.scandir(os.path.join(self.root, folder)) as entries:
                named = ((f"{folder}/{entry.name}" if folder else entry.name, entry) for entry in entries)
                paths = sorted((path, self._kind(entry, path)) for path, entry in named)
        except OSError as error:
            check_own_fault(error, f"list {self.root!r}")
            if not folder:
                raise LookalikeError(f"source {self.root!r} cannot be listed: {error.strerror}") from error
            self.unlisted = folder
            yield folder, False
            return
        for path, kind in paths:
            if kind in ("ignored", "debris"):
                self._leave_out(path, kind)
            else:
                yield path, kind == "folder"

    def _leave_out(self, path: str, kind: str) -> None:
        self.ignored += not self._is_ours(path)
        name = path.rpartition("/")[2]
        if kind == "debris" and is_remarkable(name):
            self.debris["._*" if name.startswith("._") else name] += 1

    def _kind(self, entry: os.DirEntry[str], path: str) -> str:
        """ "folder" (to enter), "input", "debris" or "ignored"."""
        folder = self._is_folder(entry)
        if self.exclusion.excludes(path, folder is not None):
            return "ignored"
        if is_debris(entry.name):
            return "debris"
        if entry.name.startswith("."):
            return "ignored"
        if folder is not None:
            return "ignored" if folder == "folder" and is_collection(entry.path) else folder
        return "input" if is_input(entry.name) else "ignored"

    def _is_folder(self, entry: os.DirEntry[str]) -> str | None:
        """ "folder" for one to enter, "input" for a link to one that is not followed, None for what is no folder."""
        try:
            if entry.is_dir(follow_symlinks=False):
                return "folder"
            if entry.is_dir():
                return "folder" if self.follow else "input"
        except OSError:
            pass
        return None


def is_collection(folder: str) -> bool:
    """Whether it is a collection of ours, which may lie beside the images it was made of."""
    return os.path.isfile(os.path.join(folder, "lock")) and os.path.isdir(os.path.join(folder, "manifests"))


def _names(debris: Counter[str]) -> str:
    """The names of debris in words, the most frequent first."""
    names = [shown(name) for name, _ in debris.most_common(_FEW)]
    return ", ".join(names) + (", ..." if len(debris) > _FEW else "")
