"""Files as sources see them: which names are inputs, and reading one without hanging or leaving the source."""

import errno
import os
import stat
from contextlib import suppress
from io import FileIO

from ...store.disk.memory import free_memory, in_words
from ...store.errors import LookalikeError
from ..images.rejected import Rejected

_ACCEPTED = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".gif", ".bmp", ".dib"}
_ACCEPTED |= {".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".pfm"}
_ACCEPTED |= {".avif", ".avifs", ".heic", ".heif", ".hif"}  # HEIC with the extra `heif`
# Camera raw: taken where it holds a picture of full size.
_RAW = {".dng", ".raw", ".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".sr2", ".srf", ".orf", ".rw2", ".rwl", ".pef"}
_RAW |= {".raf", ".srw", ".x3f", ".3fr", ".iiq", ".erf", ".mrw", ".dcr", ".kdc", ".mef", ".mos"}
# What people take for images too, and deserve to see among the rejects rather than among the ignored.
_REJECTED = {".eps", ".ps", ".psd", ".psb", ".xcf", ".pdf", ".svg", ".svgz", ".jxl", ".jxr", ".jp2", ".j2k", ".jpf"}
_REJECTED |= {".jpx", ".ico", ".tga", ".exr", ".dcm", ".qoi", ".bpg"}
IMAGE_EXTENSIONS = frozenset(_ACCEPTED | _RAW | _REJECTED)
LINK_OUT, LINK_TO_FOLDER, LINK_LOOP = "link leads out of the source", "link to a folder", "link loop"
"""Why links are rejected; `--follow-links` follows the first two."""
MAX_BYTES = 1 << 30
"""A larger file is rejected unread: the largest uncompressed image within the limit of pixels is smaller."""
_SMALL, _PIECE = 32 << 20, 1 << 20

_FAR_NS = (1 << 63) - 1
_REASONS = {
    errno.ENOENT: "no such file",
    errno.ELOOP: LINK_LOOP,
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "name too long",
    errno.ENXIO: "not a regular file",  # a socket, or a device without a driver
    errno.ENODEV: "not a regular file",
    errno.ENOTDIR: "no such file",
    errno.EISDIR: "a folder, not an image",
}

_STORES = {
    "annex/objects/": "git-annex's store: run `git annex get`",
    ".dvc/cache": "DVC's cache: run `dvc pull`",
    "/files/md5/": "DVC's cache: run `dvc pull`",
}
_OURS = {
    errno.EMFILE: "too many open files (raise `ulimit -n`)",
    errno.ENFILE: "too many open files on this machine",
    errno.ENOMEM: "the system has no more memory; use fewer workers (--workers 1) or close other programs",
    errno.ENOBUFS: "the system has no more memory; use fewer workers (--workers 1) or close other programs",
}


def has_image_extension(name: str) -> bool:
    """Whether a name ends as those of images do."""
    return os.path.splitext(name)[1].lower() in IMAGE_EXTENSIONS


def is_input(name: str) -> bool:
    """Whether a file of that name is taken for an image: an image extension, or none at all."""
    extension = os.path.splitext(name)[1].lower()
    return extension in IMAGE_EXTENSIONS or extension in ("", ".")


def facts(path: str) -> tuple[int | None, int | None]:
    """Size in bytes and mtime in ns of the regular file that `path` leads to; (None, None) where there is none.

    An mtime beyond int64, which the columns hold and some file systems exceed (after 2262), is the nearest that fits.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None, None
    if not stat.S_ISREG(found.st_mode):
        return None, None
    return found.st_size, max(-_FAR_NS - 1, min(found.st_mtime_ns, _FAR_NS))


def read_file(path: str, root: str | None = None) -> bytes:
    """All bytes of a regular file. Raises Rejected if they cannot be read.

    path: absolute. root: if given, an absolute real path below which a link must lead. A FIFO, device or socket is
    refused at once: it is opened without blocking, and checked before it is read. Raises LookalikeError if this process
    lacks memory or file descriptors, which is not a fault of the file, and would affect the next one too.
    """
    try:
        return _read(path, root)
    except OSError as error:
        check_own_fault(error, "read images")
        raise Rejected("read", _REASONS.get(error.errno or 0, (error.strerror or "cannot be read").lower())) from error
    except ValueError as error:  # a null byte in the name
        raise Rejected("read", "not a file name") from error


def check_own_fault(error: OSError, doing: str) -> None:
    """Raises LookalikeError if an error of the system says that this process, or the machine, lacks resources."""
    if error.errno in _OURS:
        raise LookalikeError(f"cannot {doing}: {_OURS[error.errno]}") from error


def _read(path: str, root: str | None) -> bytes:
    if os.path.islink(path):
        path = _resolved(path, root)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    with FileIO(descriptor) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Rejected("read", "not a regular file")
        if found.st_size > MAX_BYTES:
            raise Rejected("read", f"{found.st_size} bytes, more than {MAX_BYTES}")
        return _within_memory(file, found.st_size)


def _within_memory(file: FileIO, size: int) -> bytes:
    """All bytes of a file of `size`, where there is room for them twice: a process that decodes gets a copy."""
    if size > _SMALL and 2 * size > (free := free_memory()):
        raise Rejected("read", f"a file of {in_words(size)} is too large for the {in_words(free)} of free memory")
    try:
        return _all(file, size)
    except MemoryError as error:
        raise LookalikeError(
            f"not enough memory to read an image of {in_words(size)}, since only {in_words(free_memory())} are free: "
            "use fewer workers (--workers 1), close other programs, or raise the memory limit of this process"
        ) from error


def _all(file: FileIO, size: int) -> bytes:
    """What a file has, as long as it says it is, and whatever more comes: one in /proc says 0, and may never end."""
    pieces, length = [file.read(size + 1)], 0
    while pieces[-1]:
        length += len(pieces[-1])
        if length > MAX_BYTES:
            raise Rejected("read", f"more than {MAX_BYTES} bytes")
        pieces.append(file.read(_PIECE))
    return pieces[0] if len(pieces) <= 2 else b"".join(pieces[:-1])


def _dangling(link: str) -> str:
    """Why a link leads nowhere, where its target tells."""
    with suppress(OSError):
        target = os.readlink(link)
        for place, how in _STORES.items():
            if place in target:
                return f"dangling link into {how}"
    return "dangling link"


def _resolved(path: str, root: str | None) -> str:
    """Where a link leads; Rejected where that is nowhere, out of `root`, or a folder."""
    try:
        real = os.path.realpath(path, strict=True)
    except FileNotFoundError as error:
        raise Rejected("read", _dangling(path)) from error
    if root is not None and os.path.commonpath([root, real]) != root:
        raise Rejected("read", LINK_OUT)
    if os.path.isdir(real):
        raise Rejected("read", LINK_TO_FOLDER)
    return real
