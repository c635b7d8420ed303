"""Writes files outside of a collection (a report, a contact sheet): whole or not at all, replacing an older one."""

import os
import secrets
import stat
from pathlib import Path

from ..errors import LookalikeError
from .publish import TEMPORARY, plain_errors, sync_folder


def check_replaceable(path: Path) -> None:
    """Raise LookalikeError, before any work, where `path` is neither a regular file nor a free name in a folder."""
    with plain_errors(f"write {path}"):
        if not stat.S_ISDIR(os.stat(path.parent).st_mode):
            raise LookalikeError(f"cannot write {path}: {path.parent} is not a folder")
        try:
            mode = os.lstat(path).st_mode
        except FileNotFoundError:
            return
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "a link" if stat.S_ISLNK(mode) else "not a regular file"
        raise LookalikeError(f"cannot write {path}: it is {kind}, and only a regular file is replaced")


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` under the name `path`, whole or not at all, and sync the name to the disk.

    Raises LookalikeError as `check_replaceable` does, and where the system fails. Then the older file stays, unless
    only the folder could not be synced: after a power failure either one may be there.
    """
    check_replaceable(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}{TEMPORARY}")
    with plain_errors(f"write {path}"):
        try:
            with open(temporary, "xb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
