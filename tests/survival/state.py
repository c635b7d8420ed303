"""All that a collection holds, as plain values to compare two collections by; and the files it should have."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from lookalike import Collection
from lookalike.store.files.manifest import manifest_path, read_manifest, versions
from lookalike.store.version.rejects import read_rejects
from lookalike.store.version.store import Store


def rows_of(store: Store) -> dict[int, tuple[str, str | None, bytes]]:
    """Key, label and vector of each live row, bit for bit."""
    rows = store.live_rows()
    vectors = store.gather(rows)
    named = zip(rows.tolist(), store.keys(rows), store.labels(rows), vectors, strict=True)
    return {row: (key, label, vector.tobytes()) for row, key, label, vector in named}


def state_of(path: Path) -> dict[str, Any]:
    """What must be the same after an interruption and its repair as without one."""
    with Collection.open(path) as collection:
        store, content = collection._view.store, collection._view.store.content
        rows = rows_of(store)
        facts = store.facts(store.live_rows())
        state = {
            "rows": rows,
            "facts": [facts.source, facts.file_size.tolist(), facts.mtime_ns.tolist(), facts.content],
            "counts": (store.dim, store.next_row, store.rows, store.deleted_count),
            "deleted": np.flatnonzero(store.deleted.mask(np.arange(store.next_row))).tolist(),
            "parts": [(p.first_row, p.rows) for p in content.parts],
            "model": store.model,
            "rejects": read_rejects(store).to_pylist(),
            "segments": [(s.spec, s.first_row, s.rows) for s in content.segments],
            "index": content.index,
            "calibrations": [c.by for c in content.calibrations],
            "folded": content.prototypes and (content.prototypes.classes, content.prototypes.next_row),
        }
        if rows:
            means = collection._view.prototypes
            state["prototypes"] = (means.classes, means.counts.tolist(), means.matrix.tobytes())
            queries = store.gather(store.live_rows()[:: max(1, len(rows) // 7)])
            state["found"] = [a.tolist() for a in collection._view.instances.search(queries, 10)]
        return state


def files_of(path: Path) -> set[str]:
    """Every file in the folder, relative to it."""
    return {os.path.relpath(os.path.join(at, name), path) for at, _, names in os.walk(path) for name in names}


def named_files(path: Path) -> set[str]:
    """The files that the folder's manifests name, the manifests, and the lock."""
    kept = versions(path)
    names = {entry.file for version in kept for entry in read_manifest(path, version).files()}
    return names | {os.path.relpath(manifest_path(path, version), path) for version in kept} | {"lock"}


def strays_of(path: Path) -> set[str]:
    """Files that no manifest names."""
    return files_of(path) - named_files(path)


def copied(source: Path, target: Path) -> Path:
    """Another collection of the same files, by links: published files never change."""
    target.mkdir(parents=True)
    for name in files_of(source) - {"lock"}:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        os.link(source / name, target / name)
    return target
