"""The commit: publishes a version on top of the newest one, or nothing, even where the writer's lock does not work.

A manifest is created without replacing another. Before and after that, the commit checks for what could lose
acknowledged rows: another process has written a version, or has removed a file that this one names. A commit that is
refused here was never acknowledged, and its files disappear once `gc` collects the files that no manifest names.
"""

import contextlib
import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..disk.folders import refuse_links
from ..disk.publish import NameTaken
from ..errors import Busy, LookalikeError
from ..files.content import Content, FileEntry, files_of
from ..files.manifest import Manifest, manifest_path, newest_version, read_manifest, versions, write_version

if TYPE_CHECKING:
    from ..version.store import Store


def commit_version(
    folder: Path, version: int, parent: str | None, content: Content, there: Collection[str] = ()
) -> Manifest:
    """Publish `content` as `version`, which must follow the newest one.

    there: names of files that need no check. Raises Busy where another process has written a version in the meantime,
    and LookalikeError where a file is missing.
    """
    refuse_links(folder)
    new = [entry for entry in _of_rows(content) if entry.file not in there]
    if newest_version(folder) != version - 1:
        raise _overtaken(folder, version)
    _refuse_missing(folder, version, new)
    try:
        manifest = write_version(folder, version, parent, content)
    except NameTaken as error:
        raise _overtaken(folder, version) from error
    try:
        _refuse_missing(folder, version, new)
        _refuse_passed_over(folder, manifest)
    except LookalikeError:
        with contextlib.suppress(OSError):
            manifest_path(folder, version).unlink()
        raise
    return manifest


def _of_rows(content: Content) -> list[FileEntry]:
    """The files without which rows would be lost; indexes, prototypes and the like can be built again from them."""
    return files_of(Content(model=content.model, parts=content.parts, runs=content.runs, deleted=content.deleted))


def _overtaken(folder: Path, version: int) -> Busy:
    return Busy(
        f"another process committed version {version} of {folder}, although this one holds the lock, so these changes "
        "were not saved: let one process write at a time, and run this again"
    )


def _refuse_missing(folder: Path, version: int, entries: Iterable[FileEntry]) -> None:
    """Refuse to commit a file that was removed after it was staged."""
    for entry in entries:
        with contextlib.suppress(OSError):
            if os.lstat(folder / entry.file).st_size == entry.size:
                continue
        raise LookalikeError(
            f"cannot commit version {version} of {folder}: {entry.file} was removed before the commit, by the `gc` "
            "of another process or by hand: run this again"
        )


def _refuse_passed_over(folder: Path, manifest: Manifest) -> None:
    """Refuse where the newest version does not build on this one, because `gc` had removed older ones in between."""
    if newest_version(folder) == manifest.version:
        return
    after = manifest.version + 1
    if after not in versions(folder) or read_manifest(folder, after).parent != manifest.digest:
        raise _overtaken(folder, manifest.version)


def refuse_doubled(base: "Store", keys: NDArray[np.object_], rows: NDArray[np.int64], gone: NDArray[np.int64]) -> None:
    """Raise LookalikeError for a key that two live rows would have.

    keys: those of the new `rows` (n,); the rows of `base` count too. gone: rows, new or old, that the same commit
    deletes.
    """
    keys = keys[~np.isin(rows, gone)]
    stored_rows = base.find(list(keys))
    doubled = [*keys[(stored_rows >= 0) & ~np.isin(stored_rows, gone)]]
    if len(set(keys)) < len(keys):
        names, counts = np.unique(keys, return_counts=True)
        doubled += [*names[counts > 1]]
    if doubled:
        raise LookalikeError(f"key {doubled[0]!r} would be in {base.path} twice: remove the other row first")
