"""The model's files inside a collection: model/<digest>/<name>, published like every other file."""

import contextlib
import os
import re
from collections.abc import Mapping
from pathlib import Path

from ..disk.checked import digest_of
from ..disk.publish import plain_errors, publish
from ..errors import LookalikeError
from .content import FileEntry, ModelEntry

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def model_entry(folder: Path, digest: str, dim: int, precision: str, files: Mapping[str, Path | bytes]) -> ModelEntry:
    """Copy `files` (name to path or content) to model/<digest>/ below the collection `folder`, and describe them.

    A file left there by an interrupted attempt is used as it is. Raises LookalikeError where it differs.
    """
    for name in (digest, *files):
        if not _NAME.fullmatch(name):
            raise LookalikeError(f"model file name {name!r} must consist of letters, digits, '.', '-' and '_'")
    entries = [_copied(folder, f"model/{digest}/{name}", source) for name, source in sorted(files.items())]
    return ModelEntry(digest, int(dim), precision, tuple(entries))


def _copied(folder: Path, name: str, source: Path | bytes) -> FileEntry:
    """Copy one file of the model to its place."""
    with plain_errors(f"read {source if isinstance(source, Path) else name}"):
        content = source if isinstance(source, bytes) else source.read_bytes()
    path = Path(folder) / name
    if not path.exists():
        return FileEntry(name, *publish(path, content))
    with plain_errors(f"read {path}"):
        there = digest_of(path)
        if path.read_bytes() != content:
            raise LookalikeError(
                f"{path} is a leftover that differs from the model's file: `lookalike gc --keep-younger 0` removes it"
            )
    with contextlib.suppress(OSError):
        os.utime(path)  # it is needed again, so `gc` on another machine must see it as new
    return FileEntry(name, *there)
