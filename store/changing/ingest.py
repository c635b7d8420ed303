"""Changes by key: `add` adds rows from memory, `import_vectors` from a file, and `remove` deletes rows."""

import os
from collections.abc import Sequence
from typing import Any

from ..errors import LookalikeError
from ..files.parts import Rows, check_keys
from ..foreign.vectors.block import BLOCK
from ..unit import unit_rows
from ..version.near_keys import NearKeys
from ..version.store import Store
from .importing import import_vectors
from .staging import check_dim, stage, texts
from .writer import writing

__all__ = ["add", "import_vectors", "remove"]

ADDED = "add"  # the source of rows that came from memory
Folder = str | os.PathLike[str]


def add(
    path: Folder,
    matrix: Any,
    keys: Sequence[str],
    labels: Sequence[str | None] | None = None,
    *,
    normalise: bool = False,
) -> int:
    """Add the rows of `matrix` (n, d) float, with n keys and n labels, to a collection. Returns n.

    labels: text; None or "" for a row without a label. Raises LookalikeError, and adds nothing, for vectors that
    `unit_rows` refuses, for a key that appears twice, and for a key that the collection has.
    """
    vectors = unit_rows(matrix, normalise=normalise)
    keys, labels = texts("key", keys, len(vectors)), None if labels is None else texts("label", labels, len(vectors))
    check_keys(keys)
    with Store.open(path) as store, writing(store) as writer:
        check_dim(writer.base, vectors)
        if (taken := writer.base.find(keys) >= 0).any():
            key = keys[int(taken.argmax())]
            raise LookalikeError(f"key {key!r} is in {writer.path} already: remove it first, or choose another")
        for start in range(0, len(keys), BLOCK):
            piece = slice(start, start + BLOCK)
            stage(writer, Rows.of_vectors(keys[piece], vectors[piece], labels and labels[piece], ADDED), None)
        writer.commit()
    return len(keys)


def remove(path: Folder, keys: Sequence[str]) -> int:
    """Delete the rows of `keys` and return how many there were.

    Raises LookalikeError, and deletes nothing, for an unknown key.
    """
    distinct = list(dict.fromkeys(keys))
    with Store.open(path) as store, writing(store) as writer:
        rows = writer.base.find(distinct)
        if (unknown := rows < 0).any():
            others = f", nor {int(unknown.sum()) - 1} more of the given keys" if unknown.sum() > 1 else ""
            key = distinct[int(unknown.argmax())]
            near = NearKeys(writer.base).words(key)
            raise LookalikeError(f"{writer.path} has no key {key!r}{others}: nothing was removed{near}")
        writer.delete(rows)
        writer.commit()
    return len(distinct)
