"""The only module that writes files of a collection: complete and on the disk under their name, or not at all.

A file is written under a temporary name in its own folder, flushed, fsynced, read back and hashed, then linked to a
name that must not exist yet, and the folder is fsynced. Published files are never changed. Every step first calls
`_step`, where tests inject faults and crashes.
"""

import contextlib
import errno
import fcntl
import hashlib
import io
import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from ..errors import Damaged, LookalikeError
from .checked import digest_of, remember
from .folders import refuse_linked
from .rename import renamed_if_free

TEMPORARY = ".tmp"
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EIO: "the disk failed (input/output error)",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.EMFILE: "too many open files (raise `ulimit -n`)",
    errno.ENFILE: "too many open files on this machine",
    errno.ENOTDIR: "a part of the path is a file, not a folder",
}


class NameTaken(LookalikeError):
    """The name of a file to publish exists already."""


class Published(NamedTuple):
    """The facts that a manifest keeps of a file: size in bytes and SHA-256 in hex. `FileEntry(name, *published)`."""

    size: int
    sha256: str


def _step(name: str, path: Path) -> None:
    """Called before each of open, write, fsync, read, publish and fsync-dir of `path`; tests replace it."""


def reason(error: OSError) -> str:
    """What `error` means, in plain words."""
    return _REASONS.get(error.errno or 0, (error.strerror or str(error)).lower())


@contextlib.contextmanager
def plain_errors(doing: str) -> Iterator[None]:
    """Turn any OSError into a one-line LookalikeError that says what was being done and why it failed."""
    try:
        yield
    except OSError as error:
        raise LookalikeError(f"cannot {doing}: {reason(error)}") from error


def publish(path: Path, write: Callable[[BinaryIO], Any] | bytes | memoryview) -> Published:
    """Write a new file at `path`, whole or not at all.

    write: the content, or a function that writes it to the file object it is called with (`.write`, `.tell`; hashed
    while it streams). Raises LookalikeError where the name exists or the system fails; then nothing is left behind.
    """
    path = Path(path)
    with plain_errors(f"write {path}"):
        _make_folder(path.parent)
        refuse_linked(path.parent)
        temporary = path.with_name(f".{secrets.token_hex(8)}{TEMPORARY}")
        with _removed(temporary):
            _step("open", path)
            with open(temporary, "xb", buffering=1 << 20) as file:
                written = _fill(file, path, write)
            return _finish(path, temporary, written)


def _fill(file: Any, path: Path, write: Callable[[BinaryIO], Any] | bytes | memoryview) -> Published:
    """Write, flush and fsync. Returns size and digest of the data."""
    stream = _Hashing(file, path)
    try:
        if callable(write):
            write(stream)  # type: ignore[arg-type]
        else:
            stream.write(write)
    finally:
        if stream.failure is not None:  # some writers hide or wrap the errors of their stream
            raise stream.failure
    _step("fsync", path)
    file.flush()
    os.fsync(file.fileno())
    return Published(stream.size, stream.hash.hexdigest())


def _finish(path: Path, temporary: Path, written: Published) -> Published:
    """Read back, compare, give the file its name, and sync the folder."""
    _step("read", path)
    stored = Published(*digest_of(temporary, afresh=True))
    if written != stored:
        raise Damaged(f"cannot write {path}: the disk gave back other bytes than were written")
    _step("publish", path)
    _name(temporary, path)
    try:
        temporary.unlink(missing_ok=True)
        _step("fsync-dir", path)
        sync_folder(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):  # it may not survive a crash, so it is not published
            path.unlink()
        raise
    remember(path, stored.sha256)
    return stored


def _name(temporary: Path, path: Path) -> None:
    """Give `temporary` the name `path`, which must be free."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        if not _same(temporary, path):  # over NFS a lost answer is requested again, and the link exists by then
            raise _taken(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename(temporary, path)


def _rename(temporary: Path, path: Path) -> None:
    """`_name` on file systems without hard links."""
    try:
        if not renamed_if_free(temporary, path):
            _rename_if_free(temporary, path)
    except FileExistsError:
        raise _taken(path) from None


def _same(one: Path, two: Path) -> bool:
    """Whether two names lead to one file."""
    return os.path.samestat(os.lstat(one), os.lstat(two))


def _taken(path: Path) -> NameTaken:
    return NameTaken(f"cannot write {path}: the name is taken, and published files are never replaced")


def _rename_if_free(temporary: Path, path: Path) -> None:
    """The last resort: check and rename while holding a lock on the folder, so that both are one step."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        with contextlib.suppress(
            OSError
        ):  # if folders cannot be locked, the writer lock of the collection still protects it
            fcntl.flock(folder, fcntl.LOCK_EX)
        if os.path.lexists(path):
            raise _taken(path)
        os.rename(temporary, path)
    finally:
        os.close(folder)


def sync_folder(folder: Path) -> None:
    """Make sure that the names in `folder` are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(folder: Path) -> None:
    """Create `folder` and its parents, and sync each name to the disk."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


@contextlib.contextmanager
def _removed(temporary: Path) -> Iterator[None]:
    """Leave no temporary file behind, whatever happens."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


class _Hashing(io.RawIOBase):
    """A write-only stream that hashes the data written and remembers its first failure."""

    def __init__(self, file: Any, path: Path) -> None:
        self.file, self.path = file, path
        self.size = 0
        self.hash = hashlib.sha256()
        self.failure: OSError | None = None

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B") if memoryview(data).nbytes else memoryview(b"")
        try:
            _step("write", self.path)
            self.file.write(view)
        except OSError as error:
            self.failure = self.failure or error
            raise
        self.hash.update(view)
        self.size += view.nbytes
        return view.nbytes
