"""Checks size and SHA-256 before any parser runs: Parquet and FAISS files have no checksum of their own.

A file that was right is remembered by inode, size, mtime_ns and ctime_ns in a cache outside the collection (the folder
`checked` of `cache_folder`), so that gigabytes are hashed once. The cache is text, one file for each folder of checked
files, and only ever appended to; losing it only costs time. Damage that changes bytes without time stamps is found by
`verify`, which reads everything. Facts about bytes, wherever they are stored, such as that they can be read without
harm, are kept beside it by their SHA-256.
"""

import contextlib
import hashlib
import os
import stat
import time
from pathlib import Path

from ..errors import Damaged
from ..work.forks import Lock
from .cache_folder import cache_folder, open_cached

_TICK_NS = 10_000_000  # time stamps are as coarse as the kernel's tick (4 ms; 10 ms on some)
_SMALL = 1 << 20
_FOLDER = "checked"
_LARGEST_CACHE = 16 << 20
_lock = Lock()
_known: dict[str, tuple[int, set[str]]] = {}


def checked(path: Path, size: int, sha256: str) -> Path:
    """`path`, once its bytes are known to be those in its manifest. Raises Damaged where they are not."""
    status = _status(path)
    if status.st_size != size:
        raise Damaged(f"{path} is damaged: {status.st_size} bytes instead of {size}; {_WAY_OUT}")
    if _record(status, sha256) in _records(_cache_name(path.parent)):
        return path
    _, digest = digest_of(path)
    if digest != sha256:
        raise Damaged(f"{path} is damaged: SHA-256 {digest[:12]} instead of {sha256[:12]}; {_WAY_OUT}")
    remember(path, sha256, status)
    return path


_WAY_OUT = "restore it from a copy, or take an older version with `lookalike rollback`"


def digest_of(path: Path, *, afresh: bool = False) -> tuple[int, str]:
    """Size and SHA-256 (hex) of a file. `afresh` reads it from the disk rather than from the page cache."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb", buffering=0) as file:
        if afresh and hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        digest, size = hashlib.sha256(), 0
        buffer = bytearray(1 << 20)
        while count := file.readinto(buffer):
            digest.update(memoryview(buffer)[:count])
            size += count
    return size, digest.hexdigest()


def remember(path: Path, sha256: str, seen: os.stat_result | None = None) -> None:
    """Note that `path`, as it is now (or was when `seen`), has this SHA-256.

    A file written within the last clock tick is not noted, since a change in the same tick would leave no trace. Small
    files are then hashed again next time; for large ones the tick is waited out.
    """
    status = seen or _status(path)
    if time.time_ns() - status.st_ctime_ns < _TICK_NS and status.st_size > _SMALL:
        time.sleep(_TICK_NS / 1e9)
    if time.time_ns() - status.st_ctime_ns < _TICK_NS:
        return
    _append(_cache_name(path.parent), _record(status, sha256))


def note(sha256: str, what: str) -> None:
    """Remember `what`, a few words of ASCII, about the bytes with this SHA-256, wherever they are stored."""
    if not noted(sha256, what):
        _append(f"sound-{sha256[:2]}", f"{what} {sha256}")


def noted(sha256: str, what: str) -> bool:
    """Whether `note` was called with these two, by this process or an earlier one."""
    return f"{what} {sha256}" in _records(f"sound-{sha256[:2]}")


def forget(folder: Path) -> None:
    """Drop what is remembered of the files in `folder`; they are hashed again when they are next needed."""
    name, cache = _cache_name(folder), cache_folder(_FOLDER)
    with _lock, contextlib.suppress(OSError):
        _known.pop(name, None)
        if cache is not None:
            (cache / name).unlink(missing_ok=True)


def _status(path: Path) -> os.stat_result:
    """lstat of a regular file. Raises Damaged where it is missing or anything else, such as a link."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        raise Damaged(f"{path} is missing; {_WAY_OUT}") from None
    if not stat.S_ISREG(status.st_mode):
        raise Damaged(f"{path} is not a regular file; {_WAY_OUT}")
    return status


def _record(status: os.stat_result, sha256: str) -> str:
    """The cache's line for a file, without its end."""
    times = f"{status.st_mtime_ns} {status.st_ctime_ns}"
    return f"{sha256} {status.st_dev} {status.st_ino} {status.st_size} {times}"


def _cache_name(folder: Path) -> str:
    """The name of the file that remembers the files of `folder`."""
    return hashlib.sha256(os.fsencode(os.path.realpath(folder))).hexdigest()[:32]


def _records(name: str) -> set[str]:
    """The lines of a file of the cache, including those that other processes have added since the last read."""
    cache = cache_folder(_FOLDER)
    with _lock:
        read, records = _known.get(name, (0, set()))
        with contextlib.suppress(OSError):
            if cache is not None:
                read = _read_on(cache / name, read, records)
        _known[name] = (read, records)
        return records


def _read_on(cache: Path, read: int, records: set[str]) -> int:
    """Add the lines after the first `read` bytes of a cache file to `records`; returns how many bytes are read now."""
    with open_cached(cache, most=2 * _LARGEST_CACHE) as file:
        size = os.fstat(file.fileno()).st_size
        if size < read:  # another process has started it again
            read = 0
            records.clear()
        file.seek(read)
        records.update(file.read(size - read).decode("ascii", errors="replace").split("\n"))
    return size


def _append(name: str, record: str) -> None:
    """Append one line to a file of the cache. One short write in append mode does not mix with other writes."""
    cache = cache_folder(_FOLDER)
    with _lock, contextlib.suppress(OSError):  # if it cannot be written, this process still remembers
        _known.setdefault(name, (0, set()))[1].add(record)
        if cache is None:
            return
        if os.path.lexists(cache / name) and os.lstat(cache / name).st_size > _LARGEST_CACHE:
            (cache / name).unlink()
        with open_cached(cache / name, "ab") as file:
            file.write(b"\n" + record.encode() + b"\n")
