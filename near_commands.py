"""What people mean by the name of a command that there is not: another command's name, an option, or another way."""

import difflib
import shlex
from collections.abc import Sequence

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
"""Commands, and other names for what they do."""
INSTEAD = {
    "duplicates": "there is no such command yet: `embed` counts exact copies, `lookalike search COLLECTION FOLDER` "
    "names the nearest ones of each image, and `lookalike cluster COLLECTION` groups images that look alike",
    "text": "no model of this version understands text: ask with an image, `lookalike search COLLECTION IMAGE`",
    "sheet": "draw a picture of the answers with `lookalike search COLLECTION QUERY --sheet FILE.png`",
    "serve": "there is no such command yet: `lookalike search COLLECTION IMAGE --sheet FILE.png --open` shows "
    "pictures, and `lookalike report` draws a page",
    "migrate": "there is no such command yet: `lookalike embed NEW_COLLECTION SOURCE --model MODEL` makes a collection "
    "by another model",
    "plan": "there is no such command yet: `lookalike index` chooses by itself, and `lookalike bench` measures it",
    "version": "did you mean `lookalike --version`?",
    "help": "did you mean `lookalike --help`, or `lookalike COMMAND --help`?",
}
"""What to do where no command does it."""


ARGUMENTS = {
    ("report", "unexpected extra argument"): "give a source of images with --data",
    (
        "export",
        "No such option '--out'",
    ): "give the file after the collection, `lookalike export COLLECTION FILE.parquet`",
    ("compare", "Missing option '--model'"): "give the folder of a trained model, or `--model pretrained`",
    ("compare", "unexpected extra argument"): "it takes two images, and no collection; the model comes with --model",
}
"""What to write instead of arguments that a command does not take, by the command and what click says of them."""
_LIKE = 0.7
"""How alike two names must be for the one to be a slip of the other: below, "convert" is like "info"."""


def meant(name: str, commands: Sequence[str]) -> str:
    """The rest of the sentence "no command NAME": what to write instead, or nothing where nobody can tell."""
    known = {other: command for command, others in MEANT.items() for other in others.split()}
    wanted = name.lower().replace("_", "-")
    for candidate in (wanted, *difflib.get_close_matches(wanted, [*commands, *known, *INSTEAD], n=1, cutoff=_LIKE)):
        command = known.get(candidate, candidate)
        if command in commands:
            return f": did you mean {command!r}?"
        if command in INSTEAD:
            return f": {INSTEAD[command]}"
    return ""


def meant_by_path(words: Sequence[str]) -> str:
    """The same where the first word of a command line is a collection, a folder of images or an image instead."""
    from .search.mistaken import kind_of

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
    """The rest of click's sentence about the arguments of `command`, or nothing."""
    offered = (way for (name, said), way in ARGUMENTS.items() if name == command and said in message)
    return next((f": {way}" for way in offered), "")
