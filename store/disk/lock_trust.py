"""Whether a lock that was granted keeps others out: some file systems grant it to several, or only see one machine.

Two signs are checked when a collection is first written to: the lock is granted a second time while it is held, and the
folder is on a mount that is known to keep locks local. Where both checks miss it, the commit finds it: a version is
created without replacing another, on top of the newest one, or not at all.
"""

import contextlib
import fcntl
import os
import re
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
# By type: in which options such a mount keeps locks on this machine; an empty pattern is found in any.
_LOCAL = {
    **dict.fromkeys(("nfs", "nfs4"), r"\bnolock\b|\blocal_lock=(all|flock)\b"),
    **dict.fromkeys(("cifs", "smb3"), r"\bnobrl\b"),
    "lustre": r"\blocalflock\b",
    **dict.fromkeys(("fuse.sshfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse", "fuse.goofys"), ""),
}


def doubt(path: Path, descriptor: int) -> str | None:
    """Why the lock on `path`, just taken by `descriptor`, may not keep others out; None where nothing says so."""
    if _granted_twice(path, descriptor):
        return "its file system grants one lock to two processes at once"
    kind = local_only(os.fstat(descriptor).st_dev, _mounts())
    return None if kind is None else f"its file system ({kind}) keeps locks within this machine"


def _granted_twice(path: Path, descriptor: int) -> bool:
    """Whether a second open file description gets the lock too."""
    try:
        second = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(second)
    with contextlib.suppress(OSError):  # if locks belong to the process, closing the second has released the first
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return True


def _mounts() -> str:
    """The kernel's table of mounts; empty where it cannot be read."""
    try:
        return _MOUNTS.read_text(errors="replace")
    except OSError:
        return ""


def local_only(device: int, mounts: str) -> str | None:
    """The type of the mount of `device` in `mounts` (as in /proc/self/mountinfo) if it keeps locks on this machine."""
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        fields, _, source = line.partition(" - ")
        about = fields.split()
        kind, *options = source.split() or [""]
        if len(about) < 6 or about[2] != number or kind not in _LOCAL:
            continue
        if re.search(_LOCAL[kind], ",".join([about[5], *options[-1:]])):
            return kind
    return None
