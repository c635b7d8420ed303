"""Rows whose images a source no longer has: which they are, and when it is not believed that they are gone.

An unmounted disk, an empty mount point, a table that was cut off and a pattern that leaves out too much look like
images that were deleted. So less than half of what the source had is never removed unless that is asked for.
"""

import os
import shlex
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...store.errors import LookalikeError
from ...store.files.manifest import versions
from ...store.version.sources import rows_of_source, source_counts
from ...store.version.store import Store
from ...store.work.fragments import cut
from ..sources import Source, SourceOptions, open_source
from ..sources.gone import GoneSource
from .located import endings
from .uses import longer_prefixes

Prune = bool | Literal["all"]
_CHUNK = 4096


def vanished_rows(store: Store, source: Source, prefix: str, found: NDArray[np.bool_]) -> tuple[NDArray[np.int64], int]:
    """Live rows of the source (under this prefix) whose image it no longer has, (m,) int64; how many others there are.

    found: (next_row,) bool, the rows of the records listed. A row under another prefix that the source was embedded
    with has an image as long as there is a record for it, whether or not that has a row under this prefix.
    """
    rows = rows_of_source(store, source.name)
    missing, left = rows[~found[rows]], int(found.sum())
    longer = longer_prefixes(store.content.uses, source.name, prefix)
    if not len(missing) or not (prefix or longer):
        return missing, left
    keys = [key for some in cut(missing.tolist(), _CHUNK) for key in store.keys(np.array(some))]
    names = {key: [key.removeprefix(each) for each in longer if key.startswith(each)] for key in keys}
    there = source.locate({name for of_one in names.values() for name in of_one})
    gone = np.array([key.startswith(prefix) and there.keys().isdisjoint(names[key]) for key in keys])
    kept = np.array([key.startswith(prefix) for key in keys]) & ~gone
    return missing[gone], left + int(kept.sum())


def check_prune(store: Store, source: Source, left: int, gone: int, prune: Prune) -> None:
    """Refuse to remove `gone` rows of a source of which only `left` are still there, unless all are to go."""
    if prune and prune != "all" and gone > left:
        raise LookalikeError(
            f"cannot prune: {_share(left)} of the {left + gone:,} images that {store.path} has from source "
            f"{source.name!r} {'is' if left == 1 or not left else 'are'} still there{_why(source.options)}; "
            "if the others are really gone, remove them with --prune=all"
        )


def _share(left: int) -> str:
    return f"only {left:,}" if left else "none"


def _why(options: SourceOptions) -> str:
    """What may be the reason, in words."""
    flags = ["--exclude"] * bool(options.exclude) + ["--follow-links"] * options.follow_links
    given = f", or does {' or '.join(flags)} exclude them" if flags else ""
    return f" (is a disk not mounted, has the folder moved, see `lookalike move`{given}?)"


def gone_note(store: Store, source: Source, prefix: str, left: int, gone: NDArray[np.int64]) -> str | None:
    """What to say of rows whose images are gone, (m,) int64, where they stay; `left` others are still there."""
    if not len(gone):
        return None
    (key,) = store.keys(gone[:1])
    few = len(gone) > left
    why, flag = (_why(source.options), "--prune=all") if few else ("", "--prune")
    if not prefix and left and source.locate(set(endings(key))):
        return (
            f"{len(gone):,} images of this source have keys that no file of it has now, such as {key!r} (were they "
            f"moved, or embedded with --prefix?): {flag} removes them"
        )
    verb, them = ("is", "it") if len(gone) == 1 else ("are", "them")
    return f"{len(gone):,} of this source's files {verb} gone{why}: {flag} removes {them} (such as {key!r})"


def check_choice(prune: Prune) -> None:
    """Refuse anything but True, False and "all"."""
    if prune not in (True, False, "all"):
        raise LookalikeError(f"prune is {prune!r}: give True, False or 'all'")


def opened(path: str | os.PathLike[str], text: str, options: SourceOptions, prune: Prune) -> Source:
    """Open a source, also one that no longer exists if all its rows in the collection at `path` are to be removed.

    Raises LookalikeError for other sources that no longer exist, which says what can be done.
    """
    places = [each for each in (text, text.rpartition(":")[0]) if each]  # an IDX pair is called by its images
    if any(map(os.path.exists, places)) or not versions(Path(path)):
        return open_source(text, options)
    with Store.open(path) as store:
        counts = source_counts(store)
    name = next((each for each in map(os.path.realpath, places) if each in counts), None)
    if name is None:
        return open_source(text, options)
    if prune == "all":
        return GoneSource(name)
    command = shlex.join(("lookalike", "move", os.fspath(path), text, "NEW"))
    raise LookalikeError(
        f"source {text!r} does not exist any more, and {counts[name]:,} images of {os.fspath(path)} come from it: if "
        f"it has moved, give its new place with `{command}`; to remove its images, give --prune=all"
    )
