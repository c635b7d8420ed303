"""What to say of files that are no table of images, though their name or their place says that they are."""

import os
import shlex
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from ....store.disk.publish import plain_errors
from ....store.disk.regular import open_regular
from ....store.errors import LookalikeError
from ..files import has_image_extension

_MOST = 8
_TYPOGRAPHIC = "\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb"
_SHEET = "a spreadsheet: save the sheet as CSV"
_ARCHIVE = "an archive: unpack it"
_ARROW = "an Arrow file: write it as Parquet"
_ARRAYS = "a file of arrays: `lookalike import` takes vectors, and images are taken as files or in a table"
_PICKLE = "Python objects, which are never loaded: write the table as Parquet or CSV"
_BY_ENDING = {
    ".xlsx": _SHEET,
    ".xls": _SHEET,
    ".xlsm": _SHEET,
    ".ods": _SHEET,
    ".numbers": _SHEET,
    ".json": "JSON: write JSON Lines, an object for each row in a line of its own, and name it .jsonl",
    ".tab": "text: name it .tsv",
    ".txt": "text: for a list of images name it .csv, with a first line that says path",
    ".arrow": _ARROW,
    ".feather": _ARROW,
    ".ipc": _ARROW,
    ".tfrecord": "a file of TensorFlow: write the table as Parquet",
    ".orc": "an ORC table: write it as Parquet",
    ".avro": "an Avro table: write it as Parquet",
    ".npy": _ARRAYS,
    ".npz": _ARRAYS,
    ".h5": _ARRAYS,
    ".hdf5": _ARRAYS,
    ".fvecs": _ARRAYS,
    ".bvecs": _ARRAYS,
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
    ".pt": _PICKLE,
    ".pth": _PICKLE,
    ".zip": _ARCHIVE,
    ".7z": _ARCHIVE,
    ".rar": _ARCHIVE,
    ".gz": "compressed: unpack it, with gunzip",
    ".bz2": "compressed: unpack it, with bunzip2",
    ".xz": "compressed: unpack it, with unxz",
    ".zst": "compressed: unpack it, with unzstd",
    ".db": "a database: write the table as Parquet or CSV",
    ".sqlite": "a database: write the table as Parquet or CSV",
}
_BY_START = (
    (b"version https://git-lfs.github.com/", "a Git LFS pointer: run `git lfs pull`"),
    (b"/annex/objects/", "a git-annex pointer: run `git annex get`"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet: unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", _SHEET),
    (b"\x1f\x8b", _BY_ENDING[".gz"]),
    (b"BZh", _BY_ENDING[".bz2"]),
    (b"\xfd7zXZ", _BY_ENDING[".xz"]),
    (b"\x28\xb5\x2f\xfd", _BY_ENDING[".zst"]),
    (b"ARROW1", _ARROW),
    (b"<!doctype", "a web page, saved in place of the table: fetch it again"),
    (b"<html", "a web page, saved in place of the table: fetch it again"),
)
_JSON = "JSON, but not JSON Lines: write an object for each row, in a line of its own, and name the file .jsonl"
_JSON_LINES = "JSON Lines: name it .jsonl"
_IN_NAMES = ("path", "file", "image", "img", "photo", "picture", "jpg", "png", "bytes")


def refuse_by_name(path: str) -> None:
    """Raises LookalikeError for a file whose ending says that it is not an image, but may hold a table."""
    what = _BY_ENDING.get(os.path.splitext(path)[1].lower())
    if what is not None:
        raise LookalikeError(f"source {path!r} is {what}")


@contextmanager
def explained(path: str) -> Iterator[None]:
    """Where a table cannot be read, say what the file is by its content, if that tells more."""
    try:
        yield
    except LookalikeError as error:
        with plain_errors(f"read {path}"), open_regular(path) as file:
            head = file.read(64).removeprefix(b"\xef\xbb\xbf").lstrip().lower()
        what = next((what for start, what in _BY_START if head.startswith(start.lower())), None) or _as_json(path, head)
        if what is None:
            raise
        raise LookalikeError(f"{path} is {what}") from error


def _as_json(path: str, head: bytes) -> str | None:
    """What JSON this is, where it is not what the name says."""
    if head.startswith((b"[{", b"[\n", b"[\r", b"{\n", b"{\r")):
        return _JSON
    return _JSON_LINES if head.startswith(b'{"') and path.lower().endswith((".csv", ".tsv")) else None


def some_names(columns: Sequence[str]) -> str:
    """The names of columns in words, at most some of them."""
    more = f" and {len(columns) - _MOST} more" if len(columns) > _MOST else ""
    return ", ".join(columns[:_MOST]) + more


def no_images(path: str, columns: Sequence[str], able: Iterable[str]) -> LookalikeError:
    """What to say of a table without a column of images. able: those of its columns that could be one by their type."""
    if not columns:
        return LookalikeError(f"{path} has no columns: its first line must name them, such as path,label")
    if any(map(has_image_extension, columns)):
        return LookalikeError(
            f"{path} begins with {some_names(columns)!r}, which names an image and not the columns: insert a first "
            "line such as path,label"
        )
    if any(name[0] in _TYPOGRAPHIC for name in columns):
        return LookalikeError(
            f"{path} has typographic quotes around its column names ({some_names(columns)}): use straight quotes"
        )
    return LookalikeError(f"{path} has no column path, image or bytes; it has {some_names(columns)}: {another(able)}")


def another(able: Iterable[str]) -> str:
    """The way to name another column of images, in words: the first of those `able` that is probably meant, if any."""
    likely = [name for name in able if any(word in name.casefold() for word in _IN_NAMES)]
    return f"give --image-column {shlex.quote(likely[0])}" if likely else "give another column with --image-column"
