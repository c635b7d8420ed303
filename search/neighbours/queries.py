"""Queries: images, keys and arrays turned into unit vectors.

A query is an image (a file, encoded bytes, a PIL image, or uint8 pixels: uint8 arrays are images, never vectors), a
key, or vectors (a float array or a .npy file). Folders and patterns are replaced by their images: see `expand`.

Contract: every query becomes one or more rows of `Queries.vectors`, in the order given. The row of a key is excluded
from its own hits. A query that cannot be read is listed in `Queries.failed`, never dropped. A name that is both a file
and a key means the key if the file is the one in the key's source, the file if it is a copy of that, and is refused if
it is another picture.
"""

import io
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ...store.errors import Damaged, LookalikeError
from ...store.version.near_keys import NearKeys
from .expand import Failed, ListedFile, as_list, expanded, is_npy
from .own_picture import file_of, has_content_of, is_same
from .query_vectors import load_npy, unit_vectors, vectors_of_file
from .ready import empty_collection

if TYPE_CHECKING:
    from ...store.version.store import Store
    from ..view import View

__all__ = ["Queries", "as_list", "read_all", "read_queries"]

Encode = Callable[[list[Any]], list["np.ndarray | LookalikeError"]]
"""Encodes images (files, bytes, PIL images, uint8 pixels): a unit vector for each, or why it cannot be read."""
_NPY = b"\x93NUMPY"


@dataclass
class Queries:
    """Queries that were read.

    names: the name of the query of each vector. vectors: (m, d) float32 unit rows. excluded: (m,) int64, the stored row
    that is left out of each query's hits, -1 for none. failed: (name, reason) of each query that could not be read.
    order: for every query in the order given, its row in `vectors` or, if it failed, -1 - its place in `failed`. files:
    for each vector the absolute path of its image file, or None.
    """

    names: list[str] = field(default_factory=list)
    vectors: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    excluded: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    failed: list[tuple[str, str]] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    files: list[str | None] = field(default_factory=list)


@dataclass
class _Planned:
    """A query, what it is, and its vectors (m, d) once they are read, or why they cannot be."""

    query: Any
    kind: str = ""  # "key", "image" or "vectors"
    row: int = -1  # of the key, or of the key that has this image
    image: Any = None  # what is encoded
    vectors: "np.ndarray | LookalikeError | None" = None


def read_queries(view: "View", queries: Any, *, strict: bool = True, normalise: bool = False) -> Queries:
    """Turn queries into vectors. One that cannot be read raises; without `strict` it is listed in `Queries.failed`."""
    result = read_all(view.store, as_list(queries), lambda images: view.images.encode(images), normalise)
    if strict and result.failed:
        name, reason = result.failed[0]
        raise LookalikeError(reason if name in reason else f"{name}: {reason}")
    return result


def read_all(store: "Store", queries: list[Any], encode: Encode, normalise: bool = False) -> Queries:
    """Turn `queries` into unit vectors (m, d): plan what each is, then read all keys at once and all images at once.

    Folders and patterns are replaced by their images. Raises LookalikeError if the collection is empty and Damaged if
    it is damaged; other problems are listed in `failed`.
    """
    if store.dim is None:
        raise empty_collection()
    queries = list(expanded(store, queries))
    planned = [_Planned(query) for query in queries]
    near = NearKeys(store)
    for plan, row in zip(planned, _key_rows(store, queries), strict=True):
        try:
            _plan(store, plan, row, normalise, near)
        except Damaged:  # of the collection, not of the query
            raise
        except LookalikeError as error:
            plan.vectors = error
    keys = [plan for plan in planned if plan.kind == "key"]
    for plan, vector in zip(keys, store.gather(np.array([plan.row for plan in keys], np.int64)), strict=True):
        plan.vectors = vector[None]
    _encode([plan for plan in planned if plan.kind == "image"], encode)
    return _collect(planned, store.dim)


def _key_rows(store: "Store", queries: list[Any]) -> list[int]:
    """The row of each query that is the name of a key, -1 for all others."""
    rows = [-1] * len(queries)
    texts = {place: query.removeprefix("key:") for place, query in enumerate(queries) if isinstance(query, str)}
    for place, row in zip(texts, store.find(list(texts.values())).tolist(), strict=True):
        rows[place] = row
    return rows


def _plan(store: "Store", plan: _Planned, row: int, normalise: bool, near: NearKeys) -> None:
    """Decide what a query is, and read it if it is vectors. row: of the key with this name, or -1."""
    query = plan.query
    if isinstance(query, Failed):
        plan.query = query.query
        raise query.reason
    if isinstance(query, np.ndarray):
        _plan_array(store, plan, query, "query", normalise)
    elif isinstance(query, str | os.PathLike) and isinstance(text := os.fspath(query), str):
        _plan_text(store, plan, text, row, normalise, near)
    elif isinstance(query, bytes | bytearray | memoryview):
        _plan_bytes(store, plan, bytes(query) if not isinstance(query, bytes) else query, normalise)
    elif _is_picture(query):
        plan.kind, plan.image = "image", query
    else:
        raise LookalikeError(
            f"a query cannot be of type {type(query).__name__}: give a path, a key, an array of vectors, or an image "
            "as a PIL image, as the bytes of its file or as uint8 pixels"
        )


def _plan_array(store: "Store", plan: _Planned, array: np.ndarray, what: str, normalise: bool) -> None:
    """uint8 arrays are images (pixels, or the bytes of a file in one row); float arrays are vectors."""
    if array.dtype == np.uint8 and array.ndim == 1:
        _plan_bytes(store, plan, array.tobytes(), normalise)
    elif array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 2, 3, 4))):
        plan.kind, plan.image = "image", array
    elif array.dtype == np.uint8 or array.ndim > 2:
        raise LookalikeError(
            f"{what} is an array of {array.dtype} with shape {array.shape}: give vectors as floats (d,) or (nq, d), an "
            "image as uint8 (h, w) or (h, w, c) with 1, 3 or 4 channels, and several images as a list of such arrays"
        )
    else:
        plan.kind, plan.vectors = "vectors", unit_vectors(store, array, what, normalise)


def _plan_bytes(store: "Store", plan: _Planned, data: bytes, normalise: bool) -> None:
    """Bytes are an encoded image or a .npy file of vectors, whatever their name."""
    name = _name(plan.query)
    if not data:
        raise LookalikeError(f"{name!r} is empty: it holds no image")
    if data.startswith(_NPY):
        _plan_array(store, plan, load_npy(io.BytesIO(data), name), name, normalise)
    else:
        plan.kind, plan.image = "image", data


def _plan_text(store: "Store", plan: _Planned, text: str, row: int, normalise: bool, near: NearKeys) -> None:
    """A text with "key:" is a key; any other is a file or a key, and refused if these are different images."""
    if text.startswith("key:") and isinstance(plan.query, str):
        if row < 0:
            raise LookalikeError(f"no key {text[4:]!r} in {store.path}{near.words(text[4:])}")
        plan.kind, plan.row = "key", row
    elif row >= 0 and not (os.path.exists(text) and _can_be_query(store, text)):
        plan.kind, plan.row = "key", row
    elif os.path.exists(text):
        if row >= 0 and not text.startswith("./") and _is_own_picture(store, plan, text, row):
            return
        if is_npy(text):
            plan.kind, plan.vectors = "vectors", vectors_of_file(store, text, normalise)
        else:
            plan.kind, plan.image = "image", text
    else:
        raise _not_found(store, text, near)


def _can_be_query(store: "Store", file: str) -> bool:
    """Whether the name of a key can also mean this file: not if it is a folder, nor an image without a model."""
    return not os.path.isdir(file) and (store.model is not None or is_npy(file) or file.startswith("./"))


def _is_own_picture(store: "Store", plan: _Planned, text: str, row: int) -> bool:
    """Whether a name that is both a file and a key means the key: the file has the content that the key's row has.

    If it is the row's file but has changed since, it is encoded again, and the row is still excluded. If it is a copy
    in another place, the row may be a hit, which shows that the image is stored already. If it is neither, the name is
    refused, except for files from a folder or a pattern.
    """
    stored_file = file_of(store, row)
    same = stored_file is None or is_same(stored_file, text)  # without a file to compare with, it may be this one
    if has_content_of(store, row, text):
        if same:
            plan.kind, plan.row, plan.image = "key", row, text
        return same
    if stored_file is not None and same:
        plan.row = row
    elif not isinstance(plan.query, ListedFile):
        as_file = f"/.{text}" if text.startswith("/") else f"./{text}"
        raise LookalikeError(
            f"{text!r} is both a file and a key, which are different pictures: write {as_file} or key:{text}"
        )
    return False


def _not_found(store: "Store", text: str, near: NearKeys) -> LookalikeError:
    """The error for a text that is neither a file nor a key: perhaps it describes a picture, which is not supported."""
    words = "this version cannot search by text: give an image, a key or vectors"
    if text.startswith("text:"):
        return LookalikeError(f"{text!r} is a query in words, and {words}")
    problem = f"{text!r} is neither a file nor a key of {store.path}"
    if offered := near.words(text):
        return LookalikeError(f"{problem}{offered}")
    is_words = " " in text.strip() and os.sep not in text and not os.path.splitext(text)[1]
    return LookalikeError(f"{problem}; if it describes a picture: {words}" if is_words else problem)


def _is_picture(query: Any) -> bool:
    """Whether it is a PIL image; if it is, PIL has been imported already."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(query, pil.Image)


def _encode(images: list[_Planned], encode: Encode) -> None:
    """Encode the images; where that is impossible (there is no model), each gets the error."""
    if not images:
        return
    try:
        answers = encode([plan.image for plan in images])
    except Damaged:
        raise
    except LookalikeError as error:
        answers = [error] * len(images)
    for plan, answer in zip(images, answers, strict=True):
        plan.vectors = answer if isinstance(answer, LookalikeError) else answer[None]


def _collect(planned: list[_Planned], dim: int) -> Queries:
    result = Queries()
    vectors = [np.empty((0, dim), np.float32)]
    excluded: list[int] = []
    for plan in planned:
        name = _name(plan.query)
        if isinstance(plan.vectors, LookalikeError) or plan.vectors is None:
            result.order.append(-1 - len(result.failed))
            result.failed.append((name, str(plan.vectors)))
            continue
        many = len(plan.vectors)
        result.order.extend(range(len(excluded), len(excluded) + many))
        result.names.extend([name] if many == 1 else [f"{name}[{i}]" for i in range(many)])
        result.files.extend([_file(plan)] * many)
        vectors.append(plan.vectors)
        excluded.extend([plan.row] * many)
    result.vectors = np.concatenate(vectors)
    result.excluded = np.array(excluded, np.int64)
    return result


def _file(plan: _Planned) -> str | None:
    """The absolute path of the query's image file."""
    return os.path.abspath(plan.image) if isinstance(plan.image, str) else None


def _name(query: Any) -> str:
    if isinstance(query, str | os.PathLike):
        return os.fsdecode(query)
    return getattr(query, "filename", None) or type(query).__name__
