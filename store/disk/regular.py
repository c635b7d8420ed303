"""Opening what people name as a file: a FIFO, device or socket is refused at once instead of waited for.

Everything in the package that opens a path from outside goes through here; images do so through `embedder.sources`,
where what cannot be read is rejected and the job goes on.
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
    """`path`, once it is known to lead to a regular file; for libraries that open it themselves.

    LookalikeError where it is something else, OSError where it is not there or cannot be looked at.
    """
    _check(os.stat(path).st_mode, path)
    return Path(path)


def open_regular(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a regular file for reading bytes; errors as of `check_regular`.

    It is opened without blocking and then looked at, so that nothing can be put in its place in between.
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
    """Open a regular file for reading text, with the arguments of `open`; errors as of `check_regular`."""
    return io.TextIOWrapper(open_regular(path), encoding=encoding, errors=errors, newline=newline)


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """All bytes of a regular file; errors as of `check_regular`."""
    with open_regular(path) as file:
        return file.read()


def check_all_regular(*paths: str | os.PathLike[str] | None) -> None:
    """Refuse what is there and is no regular file; whoever opens a path says what else is wrong with it."""
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
