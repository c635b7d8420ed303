"""Queries: what people ask with (image files, PIL images, keys, vectors) turned into unit vectors.

Contract: every query becomes one or more rows of `Asked.vectors` in the order asked; a key's own row is remembered so
that it is never among its hits; what cannot be read is kept in `Asked.failed`, never dropped.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..store.errors import Damaged, LookalikeError
from ..store.unit import unit_rows

if TYPE_CHECKING:
    from ..store.store import Store

Encode = Callable[[list[Any]], list["np.ndarray | LookalikeError"]]
"""Encodes image files and PIL images: a unit vector or the reason each cannot be read."""


@dataclass
class Asked:
    """Vectors (m, d) float32 unit, with each row's query name and own row (-1 where it is not a stored image).

    `failed` lists (place, name, reason); `order` gives, for every query in the order asked, its row in `vectors` or,
    where it failed, -1 - its place in `failed`.
    """

    names: list[str] = field(default_factory=list)
    vectors: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    own: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    failed: list[tuple[str, str]] = field(default_factory=list)
    order: list[int] = field(default_factory=list)


def as_list(queries: Any) -> list[Any]:
    """One query or many, as a list."""
    if isinstance(queries, Sequence) and not isinstance(queries, str | bytes):
        return list(queries)
    return [queries]


def ask(store: "Store", queries: list[Any], encode: Encode, normalise: bool = False) -> Asked:
    """Turn `queries` into vectors: plan first what each is, then read keys and images each in one go."""
    rows: list[tuple[str, np.ndarray | LookalikeError, int]] = []
    images: list[tuple[int, Any]] = []
    for query in queries:
        try:
            kind, value = _kind(store, query, normalise)
        except Damaged:  # the collection is, not the query
            raise
        except LookalikeError as error:
            rows.append((_name(query), error, -1))
            continue
        if kind == "image":
            images.append((len(rows), value))
            rows.append((_name(query), np.empty(0), -1))
        elif kind == "key":
            rows.append((_name(query), store.gather(np.array([value]))[0], value))
        else:
            many = len(value) != 1
            rows.extend((f"{_name(query)}[{i}]" if many else _name(query), v, -1) for i, v in enumerate(value))
    for (place, _), vector in zip(images, encode([image for _, image in images]) if images else [], strict=True):
        rows[place] = (rows[place][0], vector, -1)
    return _collect(rows, store.dim or 0)


def _collect(rows: list[tuple[str, "np.ndarray | LookalikeError", int]], dim: int) -> Asked:
    asked, vectors, own = Asked(), [], []
    for name, vector, row in rows:
        if isinstance(vector, LookalikeError):
            asked.order.append(-1 - len(asked.failed))
            asked.failed.append((name, str(vector)))
            continue
        asked.order.append(len(vectors))
        asked.names.append(name)
        vectors.append(vector)
        own.append(row)
    asked.vectors = np.array(vectors, np.float32).reshape(len(vectors), dim)
    asked.own = np.array(own, np.int64)
    return asked


def _name(query: Any) -> str:
    if isinstance(query, str | os.PathLike):
        return os.fspath(query)
    return getattr(query, "filename", None) or type(query).__name__


def _kind(store: "Store", query: Any, normalise: bool) -> tuple[str, Any]:
    """("key", row), ("image", path or picture) or ("vectors", (m, d) array)."""
    if isinstance(query, np.ndarray):
        return "vectors", _vectors(store, query, "query", normalise)
    if not isinstance(query, str | os.PathLike):
        return "image", query
    text = os.fspath(query)
    if text.startswith("key:"):
        row = int(store.find([text[4:]])[0])
        if row < 0:
            raise LookalikeError(f"no key {text[4:]!r} in {store.path}")
        return "key", row
    path = Path(text)
    row = int(store.find([text])[0]) if isinstance(query, str) else -1
    if path.exists():
        if row >= 0:
            raise LookalikeError(f"{text!r} is both a file and a key: write key:{text} or ./{text}")
        if path.suffix == ".npy":
            return "vectors", _vectors(store, _load_npy(path), text, normalise)
        return "image", path
    if row < 0:
        raise LookalikeError(f"{text!r} is neither a file nor a key of {store.path}")
    return "key", row


def _load_npy(path: Path) -> np.ndarray:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise LookalikeError(f"{path} cannot be read as a .npy of vectors: {error}") from None


def _vectors(store: "Store", vectors: np.ndarray, what: str, normalise: bool) -> np.ndarray:
    matrix = vectors[None] if vectors.ndim == 1 else vectors
    return unit_rows(matrix, normalise=normalise, dim=store.dim, what=f"{what}: row")
