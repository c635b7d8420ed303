"""Arguments that were mistaken for each other: a folder of images, a model or a query given as the collection."""

import os
import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ..store.errors import LookalikeError
from ..store.manifest import versions

_FOLDERS = 100
"""Folders that are looked into for an image before one says just "a folder"."""


def check_collection(command: str, collection: str, *others: str, creates: bool = False) -> None:
    """LookalikeError where `collection` is plainly something else, with the command that was probably meant.

    others: the arguments that follow it; one of them may be the collection. creates: the command makes a collection
    where there is none, so that only what exists and is none can be a mistake.
    """
    if _is_collection(collection):
        return
    kind = kind_of(collection)
    meant = [other for other in others if _is_collection(other)]
    if not meant and creates and kind and len(others) == 1 and not os.path.lexists(others[0]):
        meant = [others[0]] if kind in ("a folder of images", "an image", "a file") else []
    if meant:
        rest = [*others]
        rest.remove(meant[0])
        what = f"{collection} is {kind}, not a collection" if kind else f"{collection} is not a collection"
        offered = shlex.join(("lookalike", command, meant[0], collection, *rest))
        raise LookalikeError(f"{what}; did you mean `{offered}`?")
    if kind in _WAYS and not (creates and kind == "a folder"):
        raise LookalikeError(f"{collection} is {kind}, not a collection: {_WAYS[kind].format(shlex.quote(collection))}")


_WAYS = {
    "a folder of images": "`lookalike embed COLLECTION {0} --model pretrained` makes one of it",
    "a model": "`lookalike embed COLLECTION PHOTOS --model {0}` makes one with it",
    "an image": "give the collection first, and the image after it",
    "a file": "a collection is a folder that `embed` or `import` made",
}


def _is_collection(path: str) -> bool:
    try:
        return bool(versions(Path(path)))
    except LookalikeError:  # not even a name: too long, say
        return False


def kind_of(path: str) -> str | None:
    """What a person would call it, such as "a collection", "a model" or "a folder of images"; None where it is not."""
    if not os.path.lexists(path):
        return None
    if not os.path.isdir(path):
        from .images import is_input

        return "an image" if os.path.splitext(path)[1] and is_input(path) else "a file"
    if _is_collection(path):
        return "a collection"
    if os.path.isfile(os.path.join(path, "encoder.json")):
        return "a model"
    return "a folder of images" if _holds_images(path) else "a folder"


def _holds_images(folder: str) -> bool:
    from .images import is_input

    return any(_images(names, is_input) for _, _, names in islice(os.walk(folder), _FOLDERS))


def _images(names: Sequence[str], is_input) -> bool:  # type: ignore[no-untyped-def]
    """Whether one of the names has an image's extension: a name without any says nothing."""
    return any(os.path.splitext(name)[1] and is_input(name) for name in names)
