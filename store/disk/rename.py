"""Renames without replacing, in one step of the kernel: for file systems without hard links (FAT, some shares)."""

import errno
import os
import sys
from pathlib import Path

_HERE = -100  # AT_FDCWD: paths are taken as they are
_NO_REPLACE, _EXCLUSIVE = 1, 4  # RENAME_NOREPLACE of Linux, RENAME_EXCL of macOS
_UNABLE = {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


def renamed_if_free(old: Path, new: Path) -> bool:
    """Rename `old` to `new` unless that exists; False where the system cannot do so, and nothing is done.

    Raises FileExistsError where `new` exists, and OSError where the system fails.
    """
    call = _call(os.fsencode(old), os.fsencode(new))
    if call is None:
        return False
    if call == 0:
        return True
    if call in _UNABLE:
        return False
    raise OSError(call, os.strerror(call), str(new))


def _call(old: bytes, new: bytes) -> int | None:
    """The error number of the rename, 0 on success; None where the system's library has no such call."""
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    try:
        if sys.platform == "darwin":
            status = library.renamex_np(old, new, _EXCLUSIVE)
        else:
            status = library.renameat2(_HERE, old, _HERE, new, _NO_REPLACE)
    except AttributeError:
        return None
    return ctypes.get_errno() if status else 0
