"""Going back to an older version, and removing files that no kept version needs. Both need the writer's lock.

`gc` must do no harm where the lock does not keep others out, since another machine may be about to name a file. So
files that no version names stay until they are a day old by the file system's own clock, and newly named files are
checked before each removal. Where the lock is in doubt, the locks of readers are too, and the versions that were the
newest one within that day stay as well.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ..changing.committing import commit_version
from ..disk.folders import FOLDERS, refuse_links
from ..disk.lock import unread, writer_lock
from ..disk.publish import TEMPORARY, plain_errors
from ..errors import Damaged, LookalikeError
from ..files.content import Content
from ..files.manifest import Manifest, manifest_path, newest_version, read_manifest, versions
from ..record import Record
from ..version.pages import Pages
from ..version.store import Store

DAY = 86_400.0  # seconds
_KEPT = 2


def rollback(path: str | os.PathLike[str], version: int | None = None) -> Store:
    """Publish the content of an older version as the newest one; None takes the last sound one before the newest.

    The next row number is never lowered, even where the newest manifest is damaged. Raises LookalikeError where the
    version does not exist, and Damaged where one of its files is damaged.
    """
    folder = Path(os.path.abspath(path))
    newest = newest_version(folder)
    with writer_lock(folder):
        newest = newest_version(folder)
        current = _readable(folder, newest)
        target = _target(folder, version, newest)
        content = _with_next_row(folder, target.content, current)
        if current is None or current.content != content:
            commit_version(folder, newest + 1, current.digest if current else None, content)
        return Store.open(folder)


def _readable(folder: Path, version: int) -> Manifest | None:
    """The manifest of `version`; None where it is damaged."""
    try:
        return read_manifest(folder, version)
    except Damaged:
        return None


def _target(folder: Path, version: int | None, newest: int) -> Manifest:
    """The version to go back to, with all of its files checked."""
    if version is None:
        for older in reversed([v for v in versions(folder) if v < newest]):
            manifest = _readable(folder, older)
            if manifest is not None and _whole(folder, manifest):
                return manifest
        raise LookalikeError(f"{folder} has no sound version before {newest}: restore it from a copy")
    if version not in versions(folder):
        there = ", ".join(map(str, versions(folder)[-10:]))
        raise LookalikeError(f"version {version} of {folder} does not exist: the last versions are {there}")
    manifest = read_manifest(folder, version)
    _check_files(folder, manifest)
    return manifest


def _check_files(folder: Path, manifest: Manifest) -> None:
    """Raise Damaged where any file of a version is missing or wrong."""
    pages = Pages(folder)
    for entry in manifest.files():
        pages.file(entry)


def _whole(folder: Path, manifest: Manifest) -> bool:
    """Whether every file of a version is there and sound."""
    try:
        _check_files(folder, manifest)
    except Damaged:
        return False
    return True


def _with_next_row(folder: Path, content: Content, current: Manifest | None) -> Content:
    """`content` with a next row number that no version has used."""
    if current is not None:
        return replace(content, next_row=max(content.next_row, current.content.next_row))
    sound = max(filter(None, (_readable(folder, v) for v in versions(folder))), key=lambda m: m.version)
    return replace(content, next_row=max(content.next_row, sound.content.next_row + _rows_at_most(folder, sound)))


def _rows_at_most(folder: Path, sound: Manifest) -> int:
    """A bound on the rows that damaged versions after `sound` added: as many as fit into parts it does not name."""
    known = {entry.file for entry in sound.files()}
    sizes = (p.lstat().st_size for p in (folder / "vectors").glob("*") if f"vectors/{p.name}" not in known)
    return sum(size // (4 * (sound.content.dim or 1)) for size in sizes)


@dataclass(frozen=True, eq=False)
class GcResult(Record):
    """What `Collection.gc` removed.

    Attributes
    ----------
    versions, files : int
        How many versions and files were removed.
    bytes : int
        The size of both.
    kept_files : int
        Files that no version names and that are kept for now, because another process may be about to commit them.
    """

    versions: int
    files: int
    bytes: int
    kept_files: int


def gc(path: str | os.PathLike[str], keep_younger: float = DAY) -> GcResult:
    """Remove all versions but the last two and those in use, and the files that no remaining version needs.

    Stray files of crashed writers are removed too, once they are older than `keep_younger` seconds. Raises Damaged,
    and removes nothing, where the newest version is damaged (run `rollback` first), or where a folder of the collection
    is a link, since its files belong to someone else.
    """
    folder = Path(os.path.abspath(path))
    newest_version(folder)
    with writer_lock(folder) as lock, plain_errors(f"collect garbage in {folder}"):
        refuse_links(folder)
        young = _Young(lock.now_ns(), keep_younger)
        kept, dropped, size = _drop_versions(folder, young if lock.doubt else None)
        named = _Named(folder, kept)
        known = {entry.file for manifest in dropped if manifest is not None for entry in manifest.files()}
        done = {"versions": len(dropped), "files": 0, "bytes": size, "kept_files": 0}
        for stray in _strays(folder, named, young):
            name = stray.relative_to(folder).as_posix()
            if name not in known and young(stray) and not stray.is_symlink():  # links are not our files
                done["kept_files"] += 1
                continue
            freed = _removed(stray, named, name)
            done["files"] += freed is not None
            done["bytes"] += freed or 0
        return GcResult(**done)


class _Young:
    """Tells whether a path was written to in the last `seconds` before `now_ns`; a missing path was not."""

    def __init__(self, now_ns: int, seconds: float) -> None:
        self._since = now_ns - int(seconds * 1e9)

    def __call__(self, path: Path) -> bool:
        try:
            return os.lstat(path).st_mtime_ns > self._since
        except FileNotFoundError:
            return False


class _Named:
    """The files that the kept versions name, and those named since."""

    def __init__(self, folder: Path, kept: list[Manifest]) -> None:
        self._folder, self._newest = folder, kept[0].version
        self._files = {entry.file for manifest in kept for entry in manifest.files()}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def by_now(self, name: str) -> bool:
        """Whether a version names the file, including versions written just now."""
        newest = newest_version(self._folder)
        for version in range(self._newest + 1, newest + 1):
            self._files |= {entry.file for entry in read_manifest(self._folder, version).files()}
        self._newest = newest
        return name in self._files


def _removed(stray: Path, named: _Named, name: str) -> int | None:
    """Remove a file unless it was named in the meantime. Returns its bytes, or None where it stays or is missing."""
    if named.by_now(name):
        return None
    try:
        size = stray.lstat().st_size
        stray.unlink()
    except FileNotFoundError:
        return None
    return size


def _drop_versions(folder: Path, young: _Young | None) -> tuple[list[Manifest], list[Manifest | None], int]:
    """The manifests that stay, newest first; those that were removed (None: damaged), and their bytes.

    A manifest is removed before any file it names. young: keep versions that were the newest one recently.
    """
    newest, *older = reversed(versions(folder))
    kept, size = [read_manifest(folder, newest)], 0
    dropped: list[Manifest | None] = []
    after = young is not None and young(manifest_path(folder, newest))
    for version in older:
        path, manifest = manifest_path(folder, version), _readable(folder, version)
        lately, after = after, young is not None and young(path)
        if manifest is not None and (len(kept) < _KEPT or lately):  # do not lock it even briefly: it may be opened
            kept.append(manifest)
            continue
        with unread(path) as free:
            if manifest is not None and not free:
                kept.append(manifest)
                continue
            size += path.lstat().st_size
            path.unlink()
            dropped.append(manifest)
    return kept, dropped, size


def _strays(folder: Path, named: _Named, young: _Young) -> Iterator[Path]:
    """Files in the collection's own folders that are not needed. Folders that became empty are then removed."""
    yield from (p for p in (folder / "manifests").iterdir() if p.name.endswith(TEMPORARY))
    for top in FOLDERS:
        walked = [(Path(place), names, young(Path(place))) for place, _, names in os.walk(folder / top, topdown=False)]
        for place, names, changed in walked:
            for path in map(place.joinpath, names):
                if path.relative_to(folder).as_posix() not in named:
                    yield path
            if place != folder / top and not changed and not any(place.iterdir()):
                place.rmdir()
