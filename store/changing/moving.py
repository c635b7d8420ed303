"""`move`: a source of images is now in another place. Its rows keep keys and vectors; only the source's name changes.

A source is named by its absolute path with links resolved. Users may type paths as they see them, even paths that no
longer exist, or a folder that holds several sources; then all of those move.
"""

import os
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from ..checks import did_you_mean
from ..disk.regular import check_regular
from ..errors import LookalikeError, LookalikeWarning
from ..shown import shown
from ..version.sources import rows_of_source, source_counts
from ..version.store import Store
from .ingest import ADDED
from .writer import writing

_LOOKED_AT = 100
_LISTED = 10


@dataclass(frozen=True)
class Moved:
    """A source that has moved: its old and new name, and how many live rows and rejected images it has."""

    old: str
    new: str
    rows: int
    rejects: int


def move(path: str | os.PathLike[str], old: str | os.PathLike[str], new: str | os.PathLike[str]) -> list[Moved]:
    """Note that the source `old` of the collection at `path`, or each source below `old`, is now at `new`.

    Returns one entry for each source that moved. Raises LookalikeError, and changes nothing, where there is no such
    source, or `new` does not exist or has images in the collection already.
    """
    with Store.open(path) as store, writing(store) as writer:
        base = writer.base
        rejects = _rejects(base)
        counts = source_counts(base)
        known = {**dict.fromkeys(rejects, 0), **counts}
        known.pop(ADDED, None)
        moves = _wanted(base, known, os.fspath(old), os.fspath(new))
        for was, now in moves.items():
            _check(base, counts, was, now, moves)
        for was, now in moves.items():
            _check_files(base, was, now)
            writer.move_source(was, now)
        writer.commit()
    return [Moved(was, now, known[was], rejects.get(was, 0)) for was, now in moves.items()]


def _rejects(store: Store) -> dict[str, int]:
    """The number of rejected images of each source."""
    counts: dict[str, int] = {}
    for entry in store.content.rejects:
        counts[entry.source] = counts.get(entry.source, 0) + entry.rows
    return counts


def _wanted(store: Store, known: dict[str, int], old: str, new: str) -> dict[str, str]:
    """The sources to move, with their new names: `old` itself, and the sources below it."""
    target = _target(new)
    for name in _spellings(old):
        below = os.path.join(name, "")
        inner = {each: os.path.join(target, each[len(below) :]) for each in known if each.startswith(below)}
        if name in known:
            return _ordered({name: target, **{was: now for was, now in inner.items() if os.path.exists(now)}})
        if inner:
            return _ordered(inner)
    if target in known:
        raise LookalikeError(
            f"{target!r} is a source of {store.path} already, and {old!r} is none: there is nothing to move"
        )
    raise LookalikeError(_unknown(store, known, old))


def _ordered(moves: dict[str, str]) -> dict[str, str]:
    """The moves in an order in which no move affects a source that another has just moved."""
    deeper = any(now.startswith(os.path.join(was, "")) for was, now in moves.items())
    return dict(sorted(moves.items(), key=lambda move: len(move[0]), reverse=deeper))


def _spellings(text: str) -> Iterator[str]:
    """The names that a source typed as `text` may have, most likely first; an IDX pair by its images alone."""
    for each in (text, text.rpartition(":")[0]):
        if each:
            yield from (os.path.realpath(each), os.path.abspath(each), each)


def _target(text: str) -> str:
    """The source name of a place that exists."""
    for each in (text, text.rpartition(":")[0]):
        if each and os.path.exists(each):
            return os.path.realpath(each)
    raise LookalikeError(f"cannot move to {text!r}: it does not exist; give the place where the images are now")


def _unknown(store: Store, known: dict[str, int], old: str) -> str:
    """The message where `old` is not a source: which one may be meant, and which ones exist."""
    if not known:
        return f"{store.path} has no source that can be moved: none of its rows came from a file or folder"
    path = os.path.realpath(old)
    name = os.path.basename(path)
    namesakes = [each for each in known if os.path.basename(each) == name]
    meant = did_you_mean(path, known, cutoff=0.8) or did_you_mean(path, namesakes, cutoff=0.0)
    there = ", ".join(f"{each!r} ({rows:,} images)" for each, rows in sorted(known.items())[:_LISTED])
    more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
    return f"{store.path} has no source {old!r}{meant or ';'} its sources are {there}{more}"


def _check(store: Store, counts: dict[str, int], was: str, now: str, moves: dict[str, str]) -> None:
    """Refuse to move a source onto itself, to a missing place, or onto another source: prune would mix them up."""
    if was == now:
        raise LookalikeError(f"the source is at {was!r} already: there is nothing to move")
    if not os.path.exists(now):
        raise LookalikeError(f"cannot move {was!r} to {now!r}: it does not exist; nothing was moved")
    _check_kind(was, now)
    if counts.get(now) and now not in moves:
        command = shlex.join(("lookalike", "embed", str(store.path), was, "--prune=all"))
        raise LookalikeError(
            f"cannot move {was!r} to {now!r}: {counts[now]:,} images of {store.path} come from there already, and "
            f"--prune could not tell them from the others; `{command}` removes "
            "those of a source that is gone"
        )


def _check_kind(was: str, now: str) -> None:
    """Refuse a place that holds no images, and a file in place of a folder or the reverse."""
    if not os.path.isdir(now):
        check_regular(now)
    if os.path.exists(was) and os.path.isdir(was) != os.path.isdir(now):
        kinds = ("a folder", "a file") if os.path.isdir(was) else ("a file", "a folder")
        raise LookalikeError(
            f"cannot move {was!r}, which is {kinds[0]}, to {now!r}, which is {kinds[1]}: give {kinds[0]}"
        )


def _check_files(store: Store, was: str, now: str) -> None:
    """Warn where a folder has none of the source's first files. Refuse where a folder in it is meant, as in `mv`."""
    rows = rows_of_source(store, was)[:_LOOKED_AT]
    if not len(rows) or not os.path.isdir(now) or any(_lies_in(now, key) for key in store.keys(rows)):
        return
    missing = f"{shown(now)} has none of the first {len(rows)} files of {shown(was)}"
    inside = os.path.join(now, os.path.basename(was))
    if os.path.exists(inside):
        raise LookalikeError(f"{missing}: did you mean {inside!r}?")
    path = shown(str(store.path))
    warnings.warn(f"{missing}: run `lookalike rollback {path}` to undo the move", LookalikeWarning, stacklevel=3)


def _lies_in(folder: str, key: str) -> bool:
    """Whether a folder has the file of a key, with any prefix of the key left out, since prefixes are not stored."""
    starts = (key[at:] for at in range(min(len(key), 256)))
    return any(os.path.lexists(os.path.join(folder, start)) for start in starts if not start.startswith("/"))
