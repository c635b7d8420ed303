"""The manifest: one version of a collection, as frozen data and as one line of canonical JSON.

It names every file with size and SHA-256, and holds the digest of its parent and of its own content. A damaged manifest
is refused and never skipped in favour of an older one. All file names are relative POSIX paths below the collection's
folder.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..codec import from_plain, to_plain
from ..disk.publish import plain_errors, publish
from ..disk.regular import read_regular
from ..errors import Damaged, LookalikeError
from .content import Content, FileEntry, files_of
from .contradiction import contradiction

FORMAT = 1
_NAME = re.compile(r"(\d{8,18})\.json")


@dataclass(frozen=True)
class Manifest:
    """A version of a collection. `digest` is the SHA-256 of everything else in it."""

    version: int
    parent: str | None
    created: str  # UTC, for people; the order is the version's
    content: Content
    digest: str = ""

    def sealed(self) -> "Manifest":
        """The same manifest with its digest filled in."""
        return replace(self, digest=_digest(_as_json(self)))

    def files(self) -> list[FileEntry]:
        """Every file that this version needs, each once."""
        return files_of(self.content)


def manifest_path(folder: Path, version: int) -> Path:
    """The file that holds `version` of the collection in `folder`."""
    return Path(folder) / "manifests" / f"{version:08d}.json"


def versions(folder: Path) -> list[int]:
    """All versions that have a manifest, damaged or not, ascending; empty where `folder` is not a collection."""
    try:
        names = [p.name for p in (Path(folder) / "manifests").iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise LookalikeError(f"cannot read {folder}: {(error.strerror or str(error)).lower()}") from error
    found = [int(m[1]) for m in map(_NAME.fullmatch, names) if m]
    return sorted(v for v in found if manifest_path(folder, v).name in names)


def newest_version(folder: Path) -> int:
    """The number of the newest version. Raises LookalikeError where there is no collection."""
    found = versions(folder)
    if not found:
        why = "it has no manifests" if os.path.lexists(folder) else "it does not exist"
        raise LookalikeError(f"{folder} is not a collection: {why}; `embed` or `import` creates one")
    return found[-1]


def write_manifest(folder: Path, manifest: Manifest) -> Manifest:
    """Publish `manifest` as its version, which must not exist yet. Returns the manifest with its digest."""
    sealed = manifest.sealed()
    publish(manifest_path(folder, sealed.version), _line(_as_json(sealed)))
    return sealed


def write_version(folder: Path, version: int, parent: str | None, content: Content) -> Manifest:
    """Publish `content` as `version`, made now from the version with the digest `parent`."""
    created = datetime.now(UTC).isoformat(timespec="seconds")
    return write_manifest(folder, Manifest(version, parent, created, content))


def read_manifest(folder: Path, version: int) -> Manifest:
    """The manifest of `version`. Raises Damaged, which says how to go back, where a single byte is wrong."""
    path = manifest_path(folder, version)
    with plain_errors(f"read version {version} of {folder}"):
        if path.is_symlink():
            raise _damaged(folder, version, "it is a link")
        raw = read_regular(path)
    return parse_manifest(raw, folder, version)


def parse_manifest(raw: bytes, folder: Path, version: int) -> Manifest:
    """`raw` as the manifest of `version` of `folder`, checked against its own digest; see read_manifest."""
    try:
        data = json.loads(raw)
        form = data["format"]
        whole = data["digest"] == _digest(data) and raw == _line(data)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder, version, "it is not the JSON that was written") from error
    if not whole:
        raise _damaged(folder, version, "its digest does not match")
    if form != FORMAT:
        raise LookalikeError(
            f"version {version} of {folder} has format {form!r}, but this lookalike reads format {FORMAT}: upgrade it"
        )
    data.pop("format")
    try:
        manifest = from_plain(Manifest, data, f"version {version} of {folder}")
    except RecursionError as error:
        raise _damaged(folder, version, "it is nested too deeply") from error
    if manifest.version != version:
        raise _damaged(folder, version, f"it says that it is version {manifest.version}")
    problem = contradiction(manifest.content, version)
    if problem is not None:
        raise _damaged(folder, version, problem)
    return manifest


def _damaged(folder: Path, version: int, why: str) -> Damaged:
    return Damaged(
        f"version {version} of {folder} is damaged ({why}): run `lookalike rollback {folder}` to go back to the "
        "last sound version (with `--to N`, to version N)"
    )


def _line(data: dict[str, Any]) -> bytes:
    return (json.dumps(data, sort_keys=True, separators=(",", ":"), allow_nan=False) + "\n").encode("ascii")


def _digest(data: dict[str, Any]) -> str:
    return hashlib.sha256(_line({k: v for k, v in data.items() if k != "digest"})).hexdigest()


def _as_json(manifest: Manifest) -> dict[str, Any]:
    return {"format": FORMAT, **to_plain(manifest)}
