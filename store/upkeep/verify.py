"""Reads every byte of a collection, and compares what its files say of each other.

Sizes and SHA-256 of the files of all kept versions are checked, whatever the cache of checked files says. For the
newest version there are also checks that go beyond hashes; see agreement.py.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ..disk.checked import digest_of, forget
from ..disk.folders import linked
from ..errors import LookalikeError
from ..files.content import FileEntry
from ..files.manifest import Manifest, manifest_path, newest_version, read_manifest, versions
from ..version.store import Store
from .agreement import disagreements

TryIndex = Callable[[Path, str, int], str | None]
"""Called as try_index(file, spec, dimensions): what is wrong with an index whose bytes are right, or None."""


def verify(path: str | os.PathLike[str], try_index: TryIndex | None = None) -> Iterator[tuple[str, str | None]]:
    """Every file of the collection with its problem, or None; a file with several problems appears several times.

    Files are named relative to the collection. try_index: opens indexes, which this room cannot do. Raises
    LookalikeError where there is no collection.
    """
    folder = Path(os.path.abspath(path))
    newest = newest_version(folder)
    yield from ((top, "is a link: a collection holds its own files") for top in linked(folder))
    sound = True
    files: dict[str, FileEntry] = {}
    indexes: dict[str, tuple[str, int]] = {}
    for version in reversed(versions(folder)):
        name = manifest_path(folder, version).relative_to(folder).as_posix()
        try:
            manifest = read_manifest(folder, version)
            files = {e.file: e for e in manifest.files()} | files
            indexes |= _indexes(manifest)
            problem = _broken_chain(folder, manifest)
        except LookalikeError as error:
            problem = str(error)
            sound = sound and version != newest
        if manifest_path(folder, version).exists():  # gc may run meanwhile
            yield name, problem
    for entry in files.values():
        problem = _wrong_bytes(folder, entry)
        if problem is None and try_index is not None and entry.file in indexes:
            problem = try_index(folder / entry.file, *indexes[entry.file])
        if problem is None or _still_needed(folder, entry):
            sound = sound and problem is None
            yield entry.file, problem
    if sound:
        with Store.open(folder) as store:
            yield from disagreements(store)


def _indexes(manifest: Manifest) -> dict[str, tuple[str, int]]:
    """The spec and dimensions of each index of a version, by its file."""
    content, dim = manifest.content, manifest.content.dim or 0
    indexes = {entry.file: (entry.spec, dim) for entry in content.segments}
    if content.prototypes is not None:
        indexes[content.prototypes.index.file] = (content.prototypes.spec, dim)
    return indexes


def _broken_chain(folder: Path, manifest: Manifest) -> str | None:
    """What is wrong between a manifest and its parent, if the parent is kept and sound."""
    try:
        parent = read_manifest(folder, manifest.version - 1)
    except LookalikeError:
        return None
    if manifest.parent not in (None, parent.digest):
        return f"its parent is {manifest.parent}, but version {parent.version} has digest {parent.digest}"
    if parent.content.next_row > manifest.content.next_row:
        return f"it lowers the next row from {parent.content.next_row} to {manifest.content.next_row}"
    return None


def _still_needed(folder: Path, entry: FileEntry) -> bool:
    """Whether a kept version names the file: gc may have removed it in the meantime."""
    for version in versions(folder):
        try:
            if entry in read_manifest(folder, version).files():
                return True
        except LookalikeError:
            continue
    return False


def _wrong_bytes(folder: Path, entry: FileEntry) -> str | None:
    """What is wrong with the bytes of a file. The cache forgets the folder of a wrong file."""
    path = folder / entry.file
    try:
        if any(p.is_symlink() for p in (path, *path.parents) if p != folder and p.is_relative_to(folder)):
            return "is a link"
        size, sha256 = digest_of(path, afresh=True)
    except FileNotFoundError:
        return "is missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if (size, sha256) == (entry.size, entry.sha256):
        return None
    forget(path.parent)
    if size != entry.size:
        return f"has {size} bytes instead of {entry.size}"
    return f"has SHA-256 {sha256} instead of {entry.sha256}"
