"""A collection from somebody else: files edited at will, and a manifest whose hashes and digest fit them."""

import hashlib
import json
import subprocess
import sys

import numpy as np

from lookalike.store.disk import checked
from lookalike.store.files.manifest import _digest, _line, manifest_path, newest_version

WORDS = [0, 1, 2, 3, 7, 8, 16, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**62, 2**63 - 1, 2**64 - 1]


def edited(data: bytes, rng: np.random.Generator) -> bytes:
    """The same bytes with one to three edits: a flipped bit, another byte, another number of 4 or 8 bytes."""
    new = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(data) if rng.random() < 0.6 else min(len(data), 300)))
        if (kind := rng.integers(4)) == 0:
            new[place] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            new[place] = int(rng.integers(256))
        else:
            width = 4 if kind == 2 else 8
            place = place // 4 * 4 if rng.random() < 0.7 else place
            word = WORDS[rng.integers(len(WORDS))] & (2 ** (8 * width) - 1)
            new[place : place + width] = word.to_bytes(width, "little")
    return bytes(new[: len(data)])


def rewrite(folder, change) -> None:
    """Apply `change` to the content of the newest manifest, as JSON data, and seal it."""
    path = manifest_path(folder, newest_version(folder))
    data = json.loads(path.read_bytes())
    change(data["content"])
    data["digest"] = _digest(data)
    path.chmod(0o644)
    path.write_bytes(_line(data))


def forge(folder, file: str, new: bytes) -> None:
    """Replace a file of the newest version, and name its new hash in the manifest."""

    def fit(value):
        if isinstance(value, dict):
            if value.get("file") == file:
                value |= {"size": len(new), "sha256": hashlib.sha256(new).hexdigest()}
            value = list(value.values())
        for inner in value if isinstance(value, list) else []:
            fit(inner)

    path = folder / file
    path.unlink()
    path.write_bytes(new)
    rewrite(folder, fit)


def know_nothing(monkeypatch, cache) -> None:
    """Be somebody who has not written or tried a file yet: another, empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setattr(checked, "_known", {})


def in_child(script: str, *arguments, timeout: float = 120) -> subprocess.CompletedProcess:
    """Run a script in a process of its own, since what is tested may end it."""
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
