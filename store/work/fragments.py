"""Fragments: bulk work cut into pieces that may run anywhere, in any order, and more than once.

A fragment is plain data (JSON) and names its function. The function takes the payload, leaves its part file behind, and
returns plain data. Only the driver commits, in fragment order. Every engine, and every worker, calls `perform`.
"""

import importlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NotRequired, TypedDict, TypeVar

from ..errors import LookalikeError

T = TypeVar("T")
_WORK = re.compile(r"lookalike(\.[a-z_]\w*)+:[a-z_]\w*")


class Fragment(TypedDict):
    """One piece of work.

    number: its place in the order of commits. collection: the folder. work: "lookalike.room.module:function". payload:
    what the function takes, JSON-able. attempt: 2 or more where it was tried before and failed.
    """

    number: int
    collection: str
    work: str
    payload: dict[str, Any]
    attempt: NotRequired[int]


def cut(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """`items` in lists of `size`, the last one possibly shorter; nothing is read ahead."""
    rest = iter(items)
    while piece := list(itertools.islice(rest, size)):
        yield piece


def fragments(pieces: Iterable[dict[str, Any]], collection: str, work: str) -> Iterator[Fragment]:
    """One numbered fragment for each payload."""
    for number, payload in enumerate(pieces):
        yield Fragment(number=number, collection=collection, work=work, payload=payload)


def resolve(work: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The function that `work` names.

    Only functions of this package are allowed, since fragments may come over a network. Raises LookalikeError for any
    other text, and for functions that cannot be imported or called.
    """
    if not _WORK.fullmatch(work):
        raise LookalikeError(f"work {work!r} is not a function of lookalike: write lookalike.room.module:function")
    module, _, name = work.partition(":")
    try:
        value = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise LookalikeError(f"work {work!r} cannot be loaded: {error}") from error
    if not callable(value):
        raise LookalikeError(f"work {work!r} is not a function")
    function: Callable[[dict[str, Any]], dict[str, Any]] = value
    return function


def perform(fragment: Fragment) -> dict[str, Any]:
    """Run a fragment here and return its result.

    The function gets the payload, together with the fragment's `collection`, `number` and, from the second one on,
    `attempt`. Payload and result pass through JSON, so that a result does not depend on where it was made.
    """
    attempt = {"attempt": fragment["attempt"]} if "attempt" in fragment else {}
    payload = {"collection": fragment["collection"], "number": fragment["number"], **attempt, **fragment["payload"]}
    result: dict[str, Any] = json.loads(json.dumps(resolve(fragment["work"])(json.loads(json.dumps(payload)))))
    return result
