"""Where our cache lies, and whether to trust it: the one place that decides, whatever is kept there.

It is $XDG_CACHE_HOME/lookalike, or ~/.cache/lookalike. There is none without a home that exists, and none where either
is a relative path, since the working folder's owner, who may be anybody, would then decide what we believe. A folder
that belongs to another user, or that others can write to, is not trusted either: no cache is used then, which costs
only time.
"""

import contextlib
import os
import stat
import warnings
from pathlib import Path
from typing import BinaryIO

from ..errors import LookalikeWarning

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def cache_folder(name: str) -> Path | None:
    """Our folder `name` in the cache, made (0700) where it is missing; None where there is no cache to trust.

    Warns with LookalikeWarning where a folder is there and is not trusted. A file in it is opened with `open_cached`.
    """
    base = _base()
    if base is None:
        return None
    ours = base / "lookalike"
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        trusted = all(_private(folder) for folder in (ours, ours / name))
    except OSError:
        return None
    return ours / name if trusted else None


def open_cached(path: Path, mode: str = "rb", most: int | None = None) -> BinaryIO:
    """Open a file of the cache to read ("rb") or append ("ab", made 0600 where it is missing).

    OSError where it is no regular file of ours (a link, a FIFO, another user's) or is larger than `most` bytes.
    """
    flags = os.O_RDONLY if mode == "rb" else os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & _OTHERS_WRITE:
            raise OSError(f"{path} is not a file that only its owner, this user, can write to")
        if most is not None and found.st_size > most:
            raise OSError(f"{path} has {found.st_size} bytes, more than {most}")
        return open(descriptor, mode, buffering=0)  # type: ignore[return-value]
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise


def _base() -> Path | None:
    """The folder of everybody's caches for this user; None where none is named by an absolute path."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named) if os.path.isabs(named) else None
    home = os.path.expanduser("~")  # stays as it is where there is neither HOME nor an entry of this user
    if not os.environ.get("HOME", home) or not os.path.isabs(home) or not os.path.isdir(home):
        return None  # an account without a home is often given one that is not there, and is not to be made
    return Path(home, ".cache")


def _private(folder: Path) -> bool:
    """Whether `folder`, made where it is missing, is a folder of this user that no other can write to."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = os.lstat(folder)
    if not stat.S_ISDIR(found.st_mode):
        _warn(folder, "is not a folder", "remove it")
    elif found.st_uid != os.geteuid():
        _warn(folder, "belongs to another user", "set XDG_CACHE_HOME to a folder of your own")
    elif found.st_mode & _OTHERS_WRITE:
        _warn(folder, "can be written to by other users", "remove it, and it is created again")
    else:
        return True
    return False


def _warn(folder: Path, why: str, do: str) -> None:
    warnings.warn(f"the cache is not used, since {folder} {why}: {do}", LookalikeWarning, stacklevel=4)
