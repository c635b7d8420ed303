"""Where images come from.

A SOURCE is a folder, a CSV or Parquet table, an IDX pair (`images.gz:labels.gz`) or one image: `open_source`.
"""

import os
from collections.abc import Callable
from typing import Any

from ...store.errors import LookalikeError
from ...store.regular import check_all_regular
from .base import RawPixels, Record, Source
from .folder import FolderSource
from .idx import IdxSource, is_idx
from .single import SingleSource
from .table import TableSource

__all__ = ["RawPixels", "Record", "Source", "from_spec", "open_source"]

_TABLES = (".csv", ".tsv", ".parquet", ".pq")
_ARCHIVES = (".tar", ".tar.gz", ".tgz")
_KINDS: dict[str, Callable[..., Source]] = {
    each.kind: each for each in (FolderSource, TableSource, IdxSource, SingleSource)
}
_CHOICES = "give a folder, a .csv or .parquet table, IDX files as images:labels, or one image"


def open_source(text: str | os.PathLike[str]) -> Source:
    """Open what `text` names, without listing it; LookalikeError says what would be accepted."""
    path = os.fspath(text)
    if os.path.basename(path).lower().endswith(_ARCHIVES) and not os.path.isdir(path):
        raise LookalikeError(f"source {path!r}: WebDataset .tar files are not supported yet; {_CHOICES}")
    if os.path.isdir(path):
        return FolderSource(path)
    if os.path.lexists(path):
        return _open_file(path)
    images, colon, labels = path.rpartition(":")
    if colon:
        check_all_regular(images, labels)
    if colon and os.path.isfile(images):
        if not os.path.isfile(labels):
            raise LookalikeError(f"source {path!r}: there is no file {labels!r} for the labels")
        return IdxSource(images, labels)
    raise LookalikeError(f"source {path!r} does not exist: {_CHOICES}")


def _open_file(path: str) -> Source:
    if path.lower().endswith((*_TABLES, *_ARCHIVES)):
        check_all_regular(path)  # a FIFO would block whoever looks inside
    if path.lower().endswith(_TABLES):
        return TableSource(path)
    # A FIFO would block whoever looks inside; SingleSource rejects it in time.
    if os.path.isfile(path) and os.access(path, os.R_OK) and is_idx(path):
        return IdxSource(path)
    return SingleSource(path)


def from_spec(spec: dict[str, Any]) -> Source:
    """Open a source again from what its `describe()` gave: its kind, and the arguments it was made with.

    LookalikeError for a kind that is not known, and where the source cannot be opened any more.
    """
    arguments = dict(spec)
    kind = arguments.pop("kind")
    if kind not in _KINDS:
        raise LookalikeError(f"source of kind {kind!r} is not known to this version: {', '.join(_KINDS)} are")
    return _KINDS[kind](**arguments)
