"""The folders of a collection are its own, never links to another place, whose files would belong to someone else.

The collection's folder itself may be a link, but not the folders below it: reading refuses a file behind a link, so
writing must refuse it too, before any work.
"""

import os
import stat
from pathlib import Path

from ..errors import Damaged, LookalikeError

MANIFESTS = "manifests"
FOLDERS = (
    *("deleted", "heads", "instances", "lookups", "model"),
    *("prototypes", "rejects", "row_maps", "thresholds", "vectors"),
)


def refuse_links(folder: Path) -> None:
    """Raise Damaged where a folder of the collection in `folder` is a link, or anything else but a folder."""
    for top in (MANIFESTS, *FOLDERS):
        _check(folder / top)
    if (folder / "model").is_dir():
        for model in (folder / "model").iterdir():
            if model.is_symlink():
                _check(model)


def linked(folder: Path) -> list[str]:
    """The folders of the collection in `folder` that are links."""
    return [top for top in (MANIFESTS, *FOLDERS) if (folder / top).is_symlink()]


def check_writable(folder: Path) -> None:
    """`refuse_links`, and raise LookalikeError where one of the folders cannot be written to."""
    refuse_links(folder)
    for top in (MANIFESTS, *FOLDERS):
        path = folder / top
        if os.path.lexists(path) and not os.access(path, os.W_OK | os.X_OK):
            raise LookalikeError(f"cannot write to {path}: permission denied, or the file system is read-only")


def refuse_linked(folder: Path) -> None:
    """Raise Damaged where `folder`, in which a file is to be published, belongs to a collection and is a link."""
    for inner in (folder, folder.parent):
        if inner.name in (MANIFESTS, *FOLDERS) and (inner.parent / MANIFESTS).is_dir():
            _check(inner)
            _check(folder)


def check_lock(path: Path) -> None:
    """Raise LookalikeError where `path`, the collection's lock, exists and is not a regular file."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return
    if not stat.S_ISREG(mode):
        kind = "a link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise LookalikeError(f"cannot lock {path.parent}: {path} is {kind}; remove it, and it is created again")


def _check(path: Path) -> None:
    """Refuse a path that exists and is not a folder."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(mode):
        raise Damaged(f"{path} is a link: a collection holds its own files; copy the files there instead")
    if not stat.S_ISDIR(mode):
        raise Damaged(f"{path} is not a folder: move it elsewhere, or restore the collection from a copy")
