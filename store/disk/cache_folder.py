"""Where the cache is kept and whether it is trusted: the one place that decides, for everything that is cached.

The cache is $XDG_CACHE_HOME/lookalike, or ~/.cache/lookalike. It is not used without a home folder, and not where
either path is relative, since the owner of the working folder, who may be anybody, would then decide its content. A
folder that belongs to another user, or that others can write to, is not trusted either. Without a cache everything
works, only slower.
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
    """The folder `name` in the cache, created (0700) if it is missing; None where there is no cache to trust.

    Warns with LookalikeWarning where a folder exists and is not trusted. Open its files with `open_cached`.
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
    """Open a file of the cache to read ("rb") or to append ("ab", created 0600 if it is missing).

    Raises OSError where it is not a regular file of this user (a link, a FIFO, another user's file), or has more than
    `most` bytes.
    """
    flags = os.O_RDONLY if mode == "rb" else os.O_WRONLY | os.O_CREAT | os.O_APPEND
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & _OTHERS_WRITE:
            raise OSError(f"{path} is not a file that only its owner, this user, can write to")
        if most is not None and status.st_size > most:
            raise OSError(f"{path} has {status.st_size} bytes, more than {most}")
        return open(descriptor, mode, buffering=0)  # type: ignore[return-value]
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise


def _base() -> Path | None:
    """The folder in which this user's programs keep their caches; None where no absolute path names one."""
    named = os.environ.get("XDG_CACHE_HOME")
    if named:
        return Path(named) if os.path.isabs(named) else None
    home = os.path.expanduser("~")  # stays as it is where there is neither HOME nor an entry of this user
    if not os.environ.get("HOME", home) or not os.path.isabs(home) or not os.path.isdir(home):
        return None  # accounts without a home often have one that does not exist, which must not be created
    return Path(home, ".cache")


def _private(folder: Path) -> bool:
    """Whether `folder`, created if it is missing, is a folder of this user that nobody else can write to."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = os.lstat(folder)
    if not stat.S_ISDIR(status.st_mode):
        _warn(folder, "is not a folder", "remove it")
    elif status.st_uid != os.geteuid():
        _warn(folder, "belongs to another user", "set XDG_CACHE_HOME to a folder of your own")
    elif status.st_mode & _OTHERS_WRITE:
        _warn(folder, "can be written to by other users", "remove it, and it is created again")
    else:
        return True
    return False


def _warn(folder: Path, why: str, do: str) -> None:
    warnings.warn(f"the cache is not used, since {folder} {why}: {do}", LookalikeWarning, stacklevel=4)
