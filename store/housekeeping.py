"""Going back to an older version, and removing what no kept version needs. Both are the writer's work."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .errors import Damaged, LookalikeError
from .lock import unread, writer_lock
from .manifest import Content, Manifest, manifest_path, newest_version, read_manifest, versions, write_version
from .pages import Pages
from .publish import TEMPORARY, plain_errors
from .store import Store

_FOLDERS = (
    *("deleted", "heads", "instances", "lookups", "model"),
    *("prototypes", "rejects", "row_maps", "thresholds", "vectors"),
)
_KEPT = 2


def rollback(path: str | os.PathLike[str], version: int | None = None) -> Store:
    """Publish the content of an older version as the newest one; None takes the last sound one before the newest.

    The next row number is never lowered, also when the newest manifest is damaged. Raises LookalikeError where the
    version is not there, Damaged where a file of it is.
    """
    folder = Path(os.path.abspath(path))
    newest = newest_version(folder)
    with writer_lock(folder):
        newest = newest_version(folder)
        current = _readable(folder, newest)
        target = _target(folder, version, newest)
        content = _with_next_row(folder, target.content, current)
        if current is None or current.content != content:
            write_version(folder, newest + 1, current.digest if current else None, content)
        return Store.open(folder)


def _readable(folder: Path, version: int) -> Manifest | None:
    """The manifest of `version`; None where it is damaged."""
    try:
        return read_manifest(folder, version)
    except Damaged:
        return None


def _target(folder: Path, version: int | None, newest: int) -> Manifest:
    """The version to go back to, with every one of its files checked."""
    if version is None:
        for older in reversed([v for v in versions(folder) if v < newest]):
            manifest = _readable(folder, older)
            if manifest is not None and _whole(folder, manifest):
                return manifest
        raise LookalikeError(f"{folder} has no sound version before {newest}: restore it from a copy")
    if version not in versions(folder):
        there = ", ".join(map(str, versions(folder)[-10:]))
        raise LookalikeError(f"version {version} of {folder} is not there: the last ones are {there}")
    manifest = read_manifest(folder, version)
    _check_files(folder, manifest)
    return manifest


def _check_files(folder: Path, manifest: Manifest) -> None:
    """Damaged where any file of a version is missing or wrong."""
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
    """`content` with a next row that no version has given away."""
    if current is not None:
        return replace(content, next_row=max(content.next_row, current.content.next_row))
    sound = max(filter(None, (_readable(folder, v) for v in versions(folder))), key=lambda m: m.version)
    return replace(content, next_row=max(content.next_row, sound.content.next_row + _rows_at_most(folder, sound)))


def _rows_at_most(folder: Path, sound: Manifest) -> int:
    """A bound on the rows that damaged versions after `sound` gave away: what fits into the parts it does not know."""
    known = {entry.file for entry in sound.files()}
    sizes = (p.lstat().st_size for p in (folder / "vectors").glob("*") if f"vectors/{p.name}" not in known)
    return sum(size // (4 * (sound.content.dim or 1)) for size in sizes)


def gc(path: str | os.PathLike[str]) -> dict[str, int]:
    """Remove all but the last two versions and those that readers hold, and the files that no other needs.

    Strays of crashed writers go too. Returns how many `versions` and `files` were removed, and their `bytes`. Raises
    Damaged where the newest version is (`rollback` first), or where a folder of the collection is a link, whose files
    belong to someone else; nothing is removed then.
    """
    folder = Path(os.path.abspath(path))
    newest_version(folder)
    with writer_lock(folder), plain_errors(f"collect garbage in {folder}"):
        _refuse_links(folder)
        kept, removed, size = _drop_versions(folder)
        needed = {entry.file for manifest in kept for entry in manifest.files()}
        files = 0
        for stray in _strays(folder, needed):
            size += stray.lstat().st_size
            stray.unlink()
            files += 1
        return {"versions": removed, "files": files, "bytes": size}


def _refuse_links(folder: Path) -> None:
    """Damaged where a folder that would be cleared is a link."""
    for top in ("manifests", *_FOLDERS):
        if (folder / top).is_symlink():
            raise Damaged(f"{folder / top} is a link: a collection holds its own files; copy the files there instead")


def _drop_versions(folder: Path) -> tuple[list[Manifest], int, int]:
    """The manifests that stay; how many went, and their bytes. A manifest goes before any file it names."""
    newest, *older = reversed(versions(folder))
    kept, removed, size = [read_manifest(folder, newest)], 0, 0
    for version in older:
        path, manifest = manifest_path(folder, version), _readable(folder, version)
        if manifest is not None and len(kept) < _KEPT:  # not locked for a moment either: someone may just open it
            kept.append(manifest)
            continue
        with unread(path) as free:
            if manifest is not None and not free:
                kept.append(manifest)
                continue
            size += path.lstat().st_size
            path.unlink()
            removed += 1
    return kept, removed, size


def _strays(folder: Path, needed: set[str]) -> Iterator[Path]:
    """Files in the collection's own folders that are not needed; then folders that became empty are removed."""
    yield from (p for p in (folder / "manifests").iterdir() if p.name.endswith(TEMPORARY))
    for top in _FOLDERS:
        for place, _, names in os.walk(folder / top, topdown=False):
            for name in names:
                path = Path(place, name)
                if path.relative_to(folder).as_posix() not in needed:
                    yield path
            if Path(place) != folder / top and not any(Path(place).iterdir()):
                Path(place).rmdir()
