"""Where images come from.

A SOURCE is a folder, a table (CSV, JSON Lines, Parquet), an IDX pair (`images.gz:labels.gz`) or one image:
`open_source`.
"""

import os
from collections.abc import Callable
from typing import Any

from ...store.disk.regular import check_all_regular
from ...store.errors import LookalikeError
from .base import RawPixels, Record, Source
from .folder import FolderSource
from .idx import IdxSource, is_idx
from .options import USUAL, SourceOptions
from .single import SingleSource
from .tables.no_table import refuse_by_name
from .tables.parquet_rows import is_parquet
from .tables.table import TABLES, TableSource
from .walk import is_collection

__all__ = ["RawPixels", "Record", "Source", "SourceOptions", "from_spec", "open_source"]

_ARCHIVES = (".tar", ".tar.gz", ".tgz")
_KINDS: dict[str, Callable[..., Source]] = {
    each.kind: each for each in (FolderSource, TableSource, IdxSource, SingleSource)
}
_CHOICES = "give a folder, a .csv, .jsonl or .parquet table, IDX files as images:labels, or one image"


def open_source(text: str | os.PathLike[str], options: SourceOptions = USUAL) -> Source:
    """Open the source that `text` names, without listing it.

    Raises LookalikeError that says what would be accepted, and for an option that this kind of source does not have.
    """
    source = _opened(os.fspath(text), options)
    options.check(os.fspath(text), source.called, source.accepted_options)
    return source


def _opened(path: str, options: SourceOptions) -> Source:
    if os.path.basename(path).lower().endswith(_ARCHIVES) and not os.path.isdir(path):
        raise LookalikeError(f"source {path!r}: WebDataset .tar files are not supported yet; {_CHOICES}")
    if os.path.isdir(path):
        _refuse_ours(path)
        return FolderSource(path, options=options)
    if os.path.lexists(path):
        return _open_file(path, options)
    images, colon, labels = path.rpartition(":")
    if colon:
        check_all_regular(images, labels)
    if colon and os.path.isfile(images):
        if not os.path.isfile(labels):
            raise LookalikeError(f"source {path!r}: the file of labels {labels!r} does not exist")
        return IdxSource(images, labels, options=options)
    raise LookalikeError(f"source {path!r} does not exist: {_CHOICES}")


def _refuse_ours(folder: str) -> None:
    """Raises LookalikeError for a collection and for a model: arguments are easily mixed up."""
    what = "a collection" if is_collection(folder) else None
    if all(os.path.isfile(os.path.join(folder, name)) for name in ("encoder.json", "encoder.safetensors")):
        what = "a model"
    if what is not None:
        raise LookalikeError(f"source {folder!r} is {what}, not a folder of images: give the folder of the images")


def _open_file(path: str, options: SourceOptions) -> Source:
    if path.lower().endswith((*TABLES, *_ARCHIVES)):
        check_all_regular(path)  # a FIFO would block whoever looks inside
    if path.lower().endswith(TABLES) or is_parquet(path):
        return TableSource(path, options=options)
    # A FIFO would block whoever looks inside; SingleSource rejects it in time.
    if os.path.isfile(path) and os.access(path, os.R_OK) and is_idx(path):
        return IdxSource(path, options=options)
    refuse_by_name(path)
    return SingleSource(path, options=options)


def from_spec(spec: dict[str, Any]) -> Source:
    """Open a source again from the result of its `describe()`: its kind, and the arguments of its class.

    Raises LookalikeError for an unknown kind, and if the source cannot be opened any more.
    """
    arguments = dict(spec)
    kind = arguments.pop("kind")
    if kind not in _KINDS:
        raise LookalikeError(f"unknown kind of source {kind!r}: this version knows {', '.join(_KINDS)}")
    options = SourceOptions.from_spec(arguments)
    arguments.pop("options", None)
    return _KINDS[kind](**arguments, options=options)
