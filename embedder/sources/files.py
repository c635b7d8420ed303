"""Files as sources see them: which names are inputs, and reading one without hanging or leaving the source."""

import errno
import os
import stat

from ..rejected import Rejected

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
MAX_BYTES = 1 << 30
"""A larger file is rejected unread: the largest image within the pixel cap, uncompressed, is smaller."""

_FAR_NS = (1 << 63) - 1
_REASONS = {
    errno.ENOENT: "no such file",
    errno.ELOOP: "link loop",
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "name too long",
    errno.ENXIO: "not a regular file",  # a socket, or a device without a driver
    errno.ENODEV: "not a regular file",
    errno.ENOTDIR: "no such file",
    errno.EISDIR: "a folder, not an image",
}


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
    """Give all bytes of a regular file; Rejected where there are none to be had.

    path: absolute. root: where given, an absolute real path below which a link must lead. A FIFO, device or socket
    is refused at once: it is opened without blocking, and looked at before it is read.
    """
    try:
        return _read(path, root)
    except OSError as error:
        raise Rejected("read", _REASONS.get(error.errno or 0, (error.strerror or "cannot be read").lower())) from error
    except ValueError as error:  # a null byte in the name
        raise Rejected("read", "not a file name") from error


def _read(path: str, root: str | None) -> bytes:
    if os.path.islink(path):
        path = _resolved(path, root)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(descriptor, "rb", buffering=0) as file:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise Rejected("read", "not a regular file")
        if found.st_size > MAX_BYTES:
            raise Rejected("read", f"{found.st_size} bytes, more than {MAX_BYTES}")
        return _all(file.read(MAX_BYTES + 1))


def _all(data: bytes | None) -> bytes:
    # A file in /proc says size 0 and can go on for ever.
    if data is None or len(data) > MAX_BYTES:
        raise Rejected("read", f"more than {MAX_BYTES} bytes")
    return data


def _resolved(path: str, root: str | None) -> str:
    """Where a link leads; Rejected where that is nowhere, out of `root`, or a folder."""
    try:
        real = os.path.realpath(path, strict=True)
    except FileNotFoundError as error:
        raise Rejected("read", "dangling link") from error
    if root is not None and os.path.commonpath([root, real]) != root:
        raise Rejected("read", "link leads out of the source")
    if os.path.isdir(real):
        raise Rejected("read", "link to a folder")
    return real
