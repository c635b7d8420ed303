"""Queries: what people ask with (image files, PIL images, keys, vectors) turned into unit vectors.

Contract: every query becomes one or more rows of `Asked.vectors` in the order asked; a key's own row is remembered so
that it is never among its hits; what cannot be read is kept in `Asked.failed`, never dropped.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..store.errors import Damaged, LookalikeError
from ..store.matrix_files import plain
from ..store.regular import open_regular
from ..store.unit import unit_rows
from .ready import empty_collection

if TYPE_CHECKING:
    from ..store.store import Store

Encode = Callable[[list[Any]], list["np.ndarray | LookalikeError"]]
"""Encodes image files and PIL images: a unit vector or the reason each cannot be read."""


@dataclass
class Asked:
    """Vectors (m, d) float32 unit, with each one's query name and `own` (m,) int64, its row or -1 if not stored.

    `failed` lists (name, reason); `order` gives, for every query in the order asked, its row in `vectors` or,
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


@dataclass
class _Planned:
    """A query, what it is, and its vectors (m, d) once they are read: or why it cannot be asked."""

    query: Any
    kind: str = ""  # "key", "image" or "vectors"
    row: int = -1
    vectors: "np.ndarray | LookalikeError | None" = None


def ask(store: "Store", queries: list[Any], encode: Encode, normalise: bool = False) -> Asked:
    """Turn `queries` into unit vectors (m, d): plan first what each is, then read keys and images each in one go.

    LookalikeError where the collection is empty, Damaged where it is damaged; what else goes wrong is in `failed`.
    """
    if store.dim is None:
        raise empty_collection()
    planned = [_Planned(query) for query in queries]
    for plan, row in zip(planned, _key_rows(store, queries), strict=True):
        try:
            _plan(store, plan, row, normalise)
        except Damaged:  # the collection is, not the query
            raise
        except LookalikeError as error:
            plan.vectors = error
    keys = [plan for plan in planned if plan.kind == "key"]
    for plan, vector in zip(keys, store.gather(np.array([plan.row for plan in keys], np.int64)), strict=True):
        plan.vectors = vector[None]
    _encode([plan for plan in planned if plan.kind == "image"], encode)
    return _collect(planned, store.dim)


def _key_rows(store: "Store", queries: list[Any]) -> list[int]:
    """The row of each query that may be a key, -1 for all others."""
    rows = [-1] * len(queries)
    texts = {place: query.removeprefix("key:") for place, query in enumerate(queries) if isinstance(query, str)}
    for place, row in zip(texts, store.find(list(texts.values())).tolist(), strict=True):
        rows[place] = row
    return rows


def _plan(store: "Store", plan: _Planned, row: int, normalise: bool) -> None:
    """Say what a query is; vectors are read at once. `row`: of the key that a text names, or -1."""
    query = plan.query
    if isinstance(query, np.ndarray):
        plan.kind, plan.vectors = "vectors", _vectors(store, query, "query", normalise)
    elif isinstance(query, str | os.PathLike):
        _plan_text(store, plan, os.fspath(query), row, normalise)
    elif _is_picture(query):
        plan.kind = "image"
    else:
        raise LookalikeError(f"a query is a {type(query).__name__}: give a path, a PIL image, a key or an array")


def _plan_text(store: "Store", plan: _Planned, text: str, row: int, normalise: bool) -> None:
    """A text is a key where it says so, else a file, else a key; both is refused."""
    if text.startswith("key:") and isinstance(plan.query, str):
        if row < 0:
            raise LookalikeError(f"no key {text[4:]!r} in {store.path}")
        plan.kind, plan.row = "key", row
    elif os.path.exists(text):
        if row >= 0:
            raise LookalikeError(f"{text!r} is both a file and a key: write key:{text} or ./{text}")
        plan.kind = "vectors" if text.endswith(".npy") else "image"
        if plan.kind == "vectors":
            plan.vectors = _vectors(store, _load_npy(Path(text)), text, normalise)
    elif row >= 0:
        plan.kind, plan.row = "key", row
    else:
        raise LookalikeError(f"{text!r} is neither a file nor a key of {store.path}")


def _is_picture(query: Any) -> bool:
    """Whether it is a PIL image; who has one has imported PIL."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(query, pil.Image)


def _encode(images: list[_Planned], encode: Encode) -> None:
    """Encode the images; where that is impossible (no model), each is told why."""
    if not images:
        return
    try:
        answers = encode([plan.query for plan in images])
    except Damaged:
        raise
    except LookalikeError as error:
        answers = [error] * len(images)
    for plan, answer in zip(images, answers, strict=True):
        plan.vectors = answer if isinstance(answer, LookalikeError) else answer[None]


def _collect(planned: list[_Planned], dim: int) -> Asked:
    asked = Asked()
    vectors = [np.empty((0, dim), np.float32)]
    own: list[int] = []
    for plan in planned:
        name = _name(plan.query)
        if isinstance(plan.vectors, LookalikeError) or plan.vectors is None:
            asked.order.append(-1 - len(asked.failed))
            asked.failed.append((name, str(plan.vectors)))
            continue
        many = len(plan.vectors)
        asked.order.extend(range(len(own), len(own) + many))
        asked.names.extend([name] if many == 1 else [f"{name}[{i}]" for i in range(many)])
        vectors.append(plan.vectors)
        own.extend([plan.row] * many)
    asked.vectors = np.concatenate(vectors)
    asked.own = np.array(own, np.int64)
    return asked


def _name(query: Any) -> str:
    if isinstance(query, str | os.PathLike):
        return os.fspath(query)
    return getattr(query, "filename", None) or type(query).__name__


def _load_npy(path: Path) -> np.ndarray:
    try:
        with open_regular(path) as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except LookalikeError:
        raise
    except Exception as error:  # whatever the bytes make NumPy do: a MemoryError too, by an absurd shape
        raise LookalikeError(f"{path} cannot be read as a .npy of vectors: {plain(error)}") from None


def _vectors(store: "Store", vectors: np.ndarray, what: str, normalise: bool) -> np.ndarray:
    matrix = vectors[None] if vectors.ndim == 1 else vectors
    return unit_rows(matrix, normalise=normalise, dim=store.dim, what=f"{what}: row")
