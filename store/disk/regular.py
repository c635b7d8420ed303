"""Opens files that users name: a FIFO, device or socket is refused at once, since waiting for it may never end.

Every part of the package that opens a path from outside uses this module. Images do so through `embedder.sources`,
where an unreadable file is rejected and the job goes on.
"""

import contextlib
import errno
import io
import os
import stat
from pathlib import Path
from typing import BinaryIO, TextIO

from ..errors import LookalikeError

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def check_regular(path: str | os.PathLike[str]) -> Path:
    """`path`, if it leads to a regular file; for libraries that open it themselves.

    Raises LookalikeError where it is something else, and OSError where it does not exist or cannot be read.
    """
    _check(os.stat(path).st_mode, path)
    return Path(path)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading bytes. Raises the same errors as `check_regular`.

    It is opened without blocking and then checked, so that nothing can take its place in between.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ENXIO, errno.ENODEV):  # a socket, or a device that nobody serves
            _check(os.stat(path).st_mode, path)
        raise
    try:
        _check(os.fstat(descriptor).st_mode, path)
    except BaseException:
        os.close(descriptor)
        raise
    return open(descriptor, "rb")


def open_regular_text(
    path: str | os.PathLike[str], encoding: str = "utf-8", *, errors: str = "strict", newline: str | None = None
) -> TextIO:
    """Open a regular file for reading text, with the arguments of `open`. Raises the errors of `check_regular`."""
    return io.TextIOWrapper(open_regular(path), encoding=encoding, errors=errors, newline=newline)


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a regular file. Raises the errors of `check_regular`."""
    with open_regular(path) as file:
        return file.read()


def check_all_regular(*paths: str | os.PathLike[str] | None) -> None:
    """Refuse paths that exist and are not regular files; opening them reports any other problem."""
    for path in paths:
        if path is not None:
            with contextlib.suppress(OSError, ValueError):
                if not stat.S_ISDIR(os.stat(path).st_mode):
                    check_regular(path)


def _check(mode: int, path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(mode):
        kind = _KINDS.get(stat.S_IFMT(mode), "something else")
        raise LookalikeError(
            f"{os.fspath(path)} is {kind}, not a regular file: save its content to a file and give that"
        )
