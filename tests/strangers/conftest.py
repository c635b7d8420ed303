"""A collection that holds a file of every kind, as somebody else made it."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from lookalike import Collection
from lookalike.store.changing.writer import writing
from lookalike.store.files.content import PrototypeRule
from lookalike.store.version.rejects import Reject, write_rejects
from lookalike.tests.search.stub import give_source

from .forging import know_nothing

N, D = 64, 16


def unit(seed: int, n: int) -> np.ndarray:
    """Float32 rows of length 1, around four centres."""
    rng = np.random.default_rng(seed)
    rows = np.random.default_rng(7).standard_normal((4, D))[np.arange(n) % 4] + 0.3 * rng.standard_normal((n, D))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def labels_of(n: int) -> list[str]:
    """The labels of `unit` rows."""
    return [f"c{i % 4}" for i in range(n)]


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The path of the collection: parts, compacted ones too, lookups, deleted rows, prototypes, head, calibrations."""
    path = tmp_path_factory.mktemp("whole") / "shop"
    with Collection.create(path) as made:
        made.add(unit(0, N), [f"k{i}" for i in range(N)], labels_of(N))
        made.remove(["k3", "k9"])
        made.index(spec="SQ8", compact=True)
        with writing(made._view.store) as writer:
            writer.add_rejects(write_rejects(path, "photos", [Reject(f"r{i}", "decode", "bad") for i in range(20)]))
            writer.set_prototype_rule(PrototypeRule(window=12, per_class=2))
            writer.commit()
        made.refresh().index()
        give_source(made, np.concatenate([unit(1, 400), unit(2, 200)[:, ::-1]]), labels_of(400) + ["other"] * 200)
        for by in ("prototype", "linear"):
            made.calibrate("photos", by=by, fpr=0.1)
        made.add(unit(3, 8), [f"new{i}" for i in range(8)], labels_of(8))
        made.remove(["k11"])
    return path


@pytest.fixture
def shop(whole, tmp_path):
    """A copy of `whole`."""
    return shutil.copytree(whole, tmp_path / "shop")


@pytest.fixture
def stranger(monkeypatch, tmp_path):
    """Nothing is known of any file: who asks has not written one."""
    know_nothing(monkeypatch, tmp_path / "cache")


@pytest.fixture
def fuzz(tmp_path):
    """fuzz(shop, seed, edits, kind...): how many edits of each kind were answered and refused, in lines."""

    def run(shop, seed, edits, *kinds, module="lookalike.tests.strangers.fuzzing"):
        command = [sys.executable, "-m", module, str(shop), str(seed), str(edits), *kinds]
        environment = os.environ | {"OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
        limit = 240 + 20 * edits * len(kinds)
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=limit, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.splitlines()

    return run
