"""Steps that all ways of adding rows share."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import LookalikeError
from ..files.parts import Rows, lookup_columns, write_part
from ..version.store import Store
from .writer import Writer


def stage(writer: Writer, rows: Rows, model: str | None) -> int:
    """Publish `rows` as a part made by `model` (its digest, or None) and stage it. Returns its first row number."""
    return writer.add_part(write_part(writer.path, rows, model), lookup_columns(rows))


def check_dim(store: Store, vectors: NDArray[np.float32]) -> None:
    """Refuse vectors (n, d) whose dimension differs from the collection's."""
    settled = store.model is not None or bool(store.content.parts)
    if settled and vectors.shape[1] != store.dim:
        raise LookalikeError(f"vectors have {vectors.shape[1]} dimensions, but those of {store.path} have {store.dim}")


def texts(what: str, values: Any, count: int) -> list[Any]:
    """`values` as a list of `count` texts (or None, for labels). Raises LookalikeError for another count or type."""
    given = list(values)
    if len(given) != count:
        raise LookalikeError(f"{len(given)} {what}s for {count} vectors: give one {what} per vector")
    for row, value in enumerate(given):
        if not isinstance(value, str) and (value is not None or what == "key"):
            kinds = "text" if what == "key" else "text or None"
            raise LookalikeError(f"{what} {value!r} of row {row} is {type(value).__name__}: it must be {kinds}")
    return given
