"""Queries: what people ask with turned into unit vectors.

A query is an image (file, encoded bytes, PIL image, or uint8 pixels: uint8 arrays are images, never vectors), a key,
or vectors (a float array, a .npy). Folders and patterns stand for their images: see `expand`.

Contract: every query becomes one or more rows of `Asked.vectors` in the order asked; a key's own row is remembered so
that it is never among its hits; what cannot be read is kept in `Asked.failed`, never dropped. A name that is a file and
a key at once is that key where the file is the one that its source keeps, the file where that is a copy of it, and
refused where it is another picture.
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
from .expand import Failed, FoundFile, as_list, expanded, is_npy
from .own_picture import file_of, has_content_of, is_same
from .query_vectors import load_npy, unit_vectors, vectors_of_file
from .ready import empty_collection

if TYPE_CHECKING:
    from ...store.version.store import Store
    from ..view import View

__all__ = ["Asked", "as_list", "ask", "read_queries"]

Encode = Callable[[list[Any]], list["np.ndarray | LookalikeError"]]
"""Encodes images (files, bytes, PIL images, uint8 pixels): a unit vector or the reason each cannot be read."""
_NPY = b"\x93NUMPY"


@dataclass
class Asked:
    """Vectors (m, d) float32 unit, with each one's query name and `own` (m,) int64, its row or -1 if not stored.

    `failed` lists (name, reason); `order` gives, for every query in the order asked, its row in `vectors` or,
    where it failed, -1 - its place in `failed`. `files` gives for each vector the image file that it was made of,
    absolute, or None.
    """

    names: list[str] = field(default_factory=list)
    vectors: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.float32))
    own: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    failed: list[tuple[str, str]] = field(default_factory=list)
    order: list[int] = field(default_factory=list)
    files: list[str | None] = field(default_factory=list)


@dataclass
class _Planned:
    """A query, what it is, and its vectors (m, d) once they are read: or why it cannot be asked."""

    query: Any
    kind: str = ""  # "key", "image" or "vectors"
    row: int = -1  # of the key, or of the key whose picture the image is
    image: Any = None  # what is encoded
    vectors: "np.ndarray | LookalikeError | None" = None


def read_queries(view: "View", queries: Any, *, strict: bool = True, normalise: bool = False) -> Asked:
    """Turn queries into vectors; what cannot be read raises, or without `strict` is listed in `Asked.failed`."""
    asked = ask(view.store, as_list(queries), lambda images: view.images.encode(images), normalise)
    if strict and asked.failed:
        name, reason = asked.failed[0]
        raise LookalikeError(reason if name in reason else f"{name}: {reason}")
    return asked


def ask(store: "Store", queries: list[Any], encode: Encode, normalise: bool = False) -> Asked:
    """Turn `queries` into unit vectors (m, d): plan first what each is, then read keys and images each in one go.

    Folders and patterns are replaced by their images. LookalikeError where the collection is empty, Damaged where it is
    damaged; what else goes wrong is in `failed`.
    """
    if store.dim is None:
        raise empty_collection()
    queries = list(expanded(store, queries))
    planned = [_Planned(query) for query in queries]
    near = NearKeys(store)
    for plan, row in zip(planned, _key_rows(store, queries), strict=True):
        try:
            _plan(store, plan, row, normalise, near)
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


def _plan(store: "Store", plan: _Planned, row: int, normalise: bool, near: NearKeys) -> None:
    """Say what a query is; vectors are read at once. `row`: of the key that a text names, or -1."""
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
            f"a query is a {type(query).__name__}: give a path, a key, an array of vectors, or an image as a PIL "
            "image, as the bytes of its file or as uint8 pixels"
        )


def _plan_array(store: "Store", plan: _Planned, array: np.ndarray, what: str, normalise: bool) -> None:
    """uint8 arrays are images: pixels, or one row of bytes as a file has them; float arrays are vectors."""
    if array.dtype == np.uint8 and array.ndim == 1:
        _plan_bytes(store, plan, array.tobytes(), normalise)
    elif array.dtype == np.uint8 and (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 2, 3, 4))):
        plan.kind, plan.image = "image", array
    elif array.dtype == np.uint8 or array.ndim > 2:
        raise LookalikeError(
            f"{what} is an array of {array.dtype} with shape {array.shape}: vectors are floats (d,) or (nq, d); an "
            "image is uint8 (h, w) or (h, w, c) with 1, 3 or 4 channels, and several images are a list of such arrays"
        )
    else:
        plan.kind, plan.vectors = "vectors", unit_vectors(store, array, what, normalise)


def _plan_bytes(store: "Store", plan: _Planned, data: bytes, normalise: bool) -> None:
    """Bytes are an encoded image or a .npy of vectors, whatever they are called."""
    name = _name(plan.query)
    if not data:
        raise LookalikeError(f"{name!r} is empty: there is no image in it")
    if data.startswith(_NPY):
        _plan_array(store, plan, load_npy(io.BytesIO(data), name), name, normalise)
    else:
        plan.kind, plan.image = "image", data


def _plan_text(store: "Store", plan: _Planned, text: str, row: int, normalise: bool, near: NearKeys) -> None:
    """A text is a key where it says so, else a file, else a key; both is one thing or refused."""
    if text.startswith("key:") and isinstance(plan.query, str):
        if row < 0:
            raise LookalikeError(f"no key {text[4:]!r} in {store.path}{near.words(text[4:])}")
        plan.kind, plan.row = "key", row
    elif row >= 0 and not (os.path.exists(text) and _can_ask(store, text)):
        plan.kind, plan.row = "key", row
    elif os.path.exists(text):
        if row >= 0 and not text.startswith("./") and _is_own_picture(store, plan, text, row):
            return
        if is_npy(text):
            plan.kind, plan.vectors = "vectors", vectors_of_file(store, text, normalise)
        else:
            plan.kind, plan.image = "image", text
    else:
        raise _nothing(store, text, near)


def _can_ask(store: "Store", file: str) -> bool:
    """Whether a file can be meant by the name of a key: no folder can, and no image where no model takes one in."""
    return not os.path.isdir(file) and (store.model is not None or is_npy(file) or file.startswith("./"))


def _is_own_picture(store: "Store", plan: _Planned, text: str, row: int) -> bool:
    """Whether a name that is a file and a key at once needs no file: where that holds what the key's row was made of.

    Where it is the row's file, though changed since, it is asked as it is now, and the row is left out all the same.
    Where it is a copy in another place, the row is among its hits: who asks wants to know that it is there already.
    Where it is neither, the name is refused, but for files that were found in a folder or by a pattern.
    """
    own = file_of(store, row)
    same = own is None or is_same(own, text)  # a source that is away, or keeps no files, may have been this one
    if has_content_of(store, row, text):
        if same:
            plan.kind, plan.row, plan.image = "key", row, text
        return same
    if own is not None and same:
        plan.row = row
    elif not isinstance(plan.query, FoundFile):
        as_file = f"/.{text}" if text.startswith("/") else f"./{text}"
        raise LookalikeError(
            f"{text!r} is both a file and a key: write key:{text} or {as_file}, which are different pictures"
        )
    return False


def _nothing(store: "Store", text: str, near: NearKeys) -> LookalikeError:
    """What to say of a text that is no file and no key: perhaps it is words, which no model understands yet."""
    words = "no model of this version understands text: ask with an image, a key or vectors"
    if text.startswith("text:"):
        return LookalikeError(f"{text!r} asks in words, and {words}")
    found = f"{text!r} is neither a file nor a key of {store.path}"
    if offered := near.words(text):
        return LookalikeError(f"{found}{offered}")
    is_words = " " in text.strip() and os.sep not in text and not os.path.splitext(text)[1]
    return LookalikeError(f"{found}; if it describes a picture: {words}" if is_words else found)


def _is_picture(query: Any) -> bool:
    """Whether it is a PIL image; who has one has imported PIL."""
    pil = sys.modules.get("PIL.Image")
    return pil is not None and isinstance(query, pil.Image)


def _encode(images: list[_Planned], encode: Encode) -> None:
    """Encode the images; where that is impossible (no model), each is told why."""
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
        asked.files.extend([_file(plan)] * many)
        vectors.append(plan.vectors)
        own.extend([plan.row] * many)
    asked.vectors = np.concatenate(vectors)
    asked.own = np.array(own, np.int64)
    return asked


def _file(plan: _Planned) -> str | None:
    """The image file that was asked with, absolute."""
    return os.path.abspath(plan.image) if isinstance(plan.image, str) else None


def _name(query: Any) -> str:
    if isinstance(query, str | os.PathLike):
        return os.fsdecode(query)
    return getattr(query, "filename", None) or type(query).__name__
