"""Creates a collection for new rows, and removes it again if they are refused."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..disk.lock import writer_lock
from ..errors import LookalikeError
from ..files.manifest import newest_version, read_manifest, versions
from ..version.store import Store

_FOLDERS = ("manifests", "model", "vectors", "lookups", "rejects", "deleted")


@contextlib.contextmanager
def opened_or_made(path: str | os.PathLike[str]) -> Iterator[Store]:
    """`Store.open_or_create`; a collection created here is removed again if the block raises LookalikeError.

    It stays if it holds a row or a rejected image by then, or if another process holds its lock.
    """
    folder = Path(os.path.abspath(path))
    if versions(folder):
        with Store.open(folder) as store:
            yield store
        return
    absent = [each for each in (folder, *folder.parents) if not each.exists()]
    created = False
    try:
        with Store.create(folder) as store:
            created = True
            yield store
    except LookalikeError:
        if created:
            _unmake(folder, absent)
        raise


def _unmake(folder: Path, absent: list[Path]) -> None:
    """Remove the collection if nothing is stored in it, and those folders of `absent` that are then empty."""
    with contextlib.suppress(LookalikeError, OSError):
        with writer_lock(folder):
            content = read_manifest(folder, newest_version(folder)).content
            if content.parts or content.rejects:
                return
            for name in _FOLDERS:
                shutil.rmtree(folder / name, ignore_errors=True)
            (folder / "lock").unlink()  # last: others wait for it
        for each in absent:
            each.rmdir()
