"""Suggestions for mistakes: arguments in the wrong place, and commands or options that do not exist."""

import difflib
import os
import shlex
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

from ..store.errors import LookalikeError
from ..store.files.manifest import versions

_FOLDERS = 100
"""Number of folders to search for an image before the answer is just "a folder"."""


def check_collection(command: str, collection: str, *others: str, creates: bool = False) -> None:
    """Raise LookalikeError if `collection` is clearly something else, and suggest the intended command.

    others: the arguments that follow it; one of them may be the collection. creates: the command creates missing
    collections, so that only an existing path that is not a collection is a mistake.
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
    "a folder of images": "create one from it with `lookalike embed COLLECTION {0} --model pretrained`",
    "a model": "create one with this model by `lookalike embed COLLECTION PHOTOS --model {0}`",
    "an image": "give the collection first, and the image after it",
    "a file": "a collection is a folder created by `lookalike embed` or `lookalike import`",
}


def _is_collection(path: str) -> bool:
    try:
        return bool(versions(Path(path)))
    except LookalikeError:  # not even a name: too long, say
        return False


def kind_of(path: str) -> str | None:
    """What `path` is, such as "a collection", "a model" or "a folder of images"; None if it does not exist."""
    if not os.path.lexists(path):
        return None
    if not os.path.isdir(path):
        from ..search.images import is_input

        return "an image" if os.path.splitext(path)[1] and is_input(path) else "a file"
    if _is_collection(path):
        return "a collection"
    if os.path.isfile(os.path.join(path, "encoder.json")):
        return "a model"
    return "a folder of images" if _holds_images(path) else "a folder"


def _holds_images(folder: str) -> bool:
    from ..search.images import is_input

    return any(_images(names, is_input) for _, _, names in islice(os.walk(folder), _FOLDERS))


def _images(names: Sequence[str], is_input) -> bool:  # type: ignore[no-untyped-def]
    """Whether one of the names has an image extension; names without an extension do not count."""
    return any(os.path.splitext(name)[1] and is_input(name) for name in names)


MEANT = {
    "search": "find query similar lookup look-up knn neighbours neighbors nearest ask match retrieve closest like",
    "classify": "predict label recognise recognize identify what sort sort-into tag assign",
    "embed": "add ingest sync encode update insert load put scan create init retry watch",
    "index": "build rebuild reindex optimise optimize",
    "import": "add-vectors import-vectors",
    "calibrate": "threshold thresholds",
    "evaluate": "eval test score validate accuracy measure",
    "compare": "diff same distance",
    "cluster": "group groups clusters kmeans k-means hdbscan outliers",
    "bench": "benchmark speed latency",
    "report": "html plot visualise visualize",
    "rejects": "rejected errors failed failures",
    "info": "status stats ls list show describe count",
    "verify": "check fsck validate-collection doctor",
    "rollback": "undo revert restore",
    "gc": "clean cleanup vacuum purge prune",
    "remove": "delete rm del drop forget",
    "export": "dump save",
    "train": "fit learn finetune fine-tune",
    "duplicates": "dedupe dedup dups duplicate dupes near-duplicates copies",
    "serve": "server api http open browse",
    "move": "mv relocate",
}
"""Commands, each with other names that people use for it."""
INSTEAD = {
    "duplicates": "there is no such command yet: `embed` counts exact copies, `lookalike search COLLECTION FOLDER` "
    "finds the nearest images of each one, and `lookalike cluster COLLECTION` groups images that look alike",
    "text": "this version cannot search by text: search with an image, `lookalike search COLLECTION IMAGE`",
    "sheet": "draw a picture of the answers with `lookalike search COLLECTION QUERY --sheet FILE.png`",
    "serve": "there is no such command yet: `lookalike search COLLECTION IMAGE --sheet FILE.png --open` shows "
    "pictures, and `lookalike report` draws a page",
    "migrate": "there is no such command yet: `lookalike embed NEW_COLLECTION SOURCE --model MODEL` creates a "
    "collection with another model",
    "plan": "there is no such command yet: `lookalike index` chooses by itself, and `lookalike bench` measures it",
    "version": "did you mean `lookalike --version`?",
    "help": "did you mean `lookalike --help`, or `lookalike COMMAND --help`?",
}
"""What to do instead, for tasks that no command does."""


ARGUMENTS = {
    ("report", "unexpected extra argument"): "give a source of images with --data",
    (
        "export",
        "No such option '--out'",
    ): "give the file after the collection, `lookalike export COLLECTION FILE.parquet`",
    ("compare", "Missing option '--model'"): "give the folder of a trained model, or `--model pretrained`",
    ("compare", "unexpected extra argument"): "give two images and no collection; give the model with --model",
}
"""Suggestions for arguments that a command does not take, by the command and the message of click."""
_LIKE = 0.7
"""Similarity from which a name counts as a misspelling of another; with less, "convert" would match "info"."""


def meant(name: str, commands: Sequence[str]) -> str:
    """The rest of the sentence "no command NAME": a suggestion, or nothing if there is none."""
    known = {other: command for command, others in MEANT.items() for other in others.split()}
    typed = name.lower().replace("_", "-")
    for candidate in (typed, *difflib.get_close_matches(typed, [*commands, *known, *INSTEAD], n=1, cutoff=_LIKE)):
        command = known.get(candidate, candidate)
        if command in commands:
            return f": did you mean {command!r}?"
        if command in INSTEAD:
            return f": {INSTEAD[command]}"
    return ""


def meant_by_path(words: Sequence[str]) -> str:
    """The same for a command line that begins with a collection, a folder of images or an image."""
    kind, quoted = kind_of(words[0]), shlex.join(words)
    if kind == "a collection":
        command = "search" if len(words) > 1 else "info"
        return f", which is a collection: did you mean `lookalike {command} {quoted}`?"
    if kind == "a folder of images":
        return f", which is a folder of images: `lookalike embed COLLECTION {shlex.quote(words[0])} --model pretrained`"
    if kind == "an image":
        return f", which is an image: `lookalike search COLLECTION {quoted}`"
    return ""


def meant_by_arguments(command: str | None, message: str) -> str:
    """A suggestion to append to click's message about the arguments of `command`, or nothing."""
    offered = (way for (name, said), way in ARGUMENTS.items() if name == command and said in message)
    return next((f": {way}" for way in offered), "")
