"""Any history of adding, deleting, committing, going back, compacting and collecting, against a dict."""

import os
import shutil
import tempfile
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from lookalike.store.changing.writer import writing
from lookalike.store.files.parts import Rows, lookup_columns, write_part
from lookalike.store.upkeep.compact import compact
from lookalike.store.upkeep.housekeeping import gc, rollback
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store

KEYS = st.lists(st.integers(0, 9), min_size=1, max_size=6, unique=True)  # few, so that they meet again


class History(RuleBasedStateMachine):
    """`versions` says what each version holds: {key: (label, vector)}; `rows` which key every row was ever given to."""

    @initialize()
    def create(self):
        self.folder = Path(tempfile.mkdtemp(prefix="history"))
        self.rng = np.random.default_rng(0)
        self.store = Store.create(self.folder / "c")
        self.path = self.store.path
        self.versions = {1: {}}
        self.rows = {}
        self.readers = []
        self.make_change([0, 1, 2, 3, 4], [])

    @property
    def newest(self):
        return self.versions[max(self.versions)]

    def committed(self, store, held):
        """`store` is what was committed, and holds `held`."""
        newest = max(self.versions)
        assert store.version == newest + 1 or (store.version == newest and held == self.newest)
        self.versions[store.version] = held
        self.store = store
        self.check(store)

    def check(self, store):
        """A version against the dict: names both ways, vectors, blocks, numbers."""
        held = self.versions[store.version]
        rows = store.live_rows()
        keys = store.keys(rows)
        assert sorted(keys) == sorted(held)
        assert store.rows == len(held)
        assert [self.rows[row] for row in rows.tolist()] == keys
        assert store.labels(rows) == [held[key][0] for key in keys]
        assert store.find(keys).tolist() == rows.tolist()
        assert store.classes == sorted({label for label, _ in held.values() if label is not None})
        for some, vectors in store.blocks(size=4):
            assert vectors.tolist() == [list(held[self.rows[row]][1]) for row in some.tolist()]

    @rule(adding=KEYS, deleting=KEYS)
    def change(self, adding, deleting):
        self.make_change(adding, deleting)

    @rule(deleting=KEYS)
    def delete(self, deleting):
        self.make_change([], deleting)

    @rule(replaced=KEYS)
    def replace(self, replaced):
        self.make_change(replaced, replaced)

    def make_change(self, adding, deleting):
        held = dict(self.newest)
        with writing(self.store) as writer:
            going = [str(key) for key in deleting if str(key) in held]
            writer.delete(writer.base.find(going))
            for key in going:
                del held[key]
            names = [str(key) for key in adding if str(key) not in held]
            if names:
                vectors = self.rng.standard_normal((len(names), 4))
                vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
                labels = [[None, "x", "y", "z"][self.rng.integers(4)] for _ in names]
                rows = Rows.of_vectors(names, vectors, labels, "s")
                first = writer.add_part(write_part(writer.path, rows, None), lookup_columns(rows))
                for i, name in enumerate(names):
                    assert first + i not in self.rows
                    self.rows[first + i] = name
                    held[name] = (labels[i], tuple(vectors[i].tolist()))
            self.committed(writer.commit(), held)

    @rule(adding=KEYS)
    def abandon(self, adding):
        with writing(self.store) as writer:
            writer.delete(writer.base.live_rows()[:3])
        assert Store.open(self.path).version == max(self.versions)

    @rule()
    def compaction(self):
        with writing(self.store) as writer:
            compact(writer)
            self.committed(writer.commit(), self.newest)

    @rule(data=st.data())
    def go_back(self, data):
        version = data.draw(st.sampled_from(sorted(self.versions)))
        self.committed(rollback(self.path, version), self.versions[version])

    @rule(data=st.data())
    def read(self, data):
        self.readers.append(Store.open(self.path, data.draw(st.sampled_from(sorted(self.versions)))))

    @precondition(lambda self: self.readers)
    @rule()
    def stop_reading(self):
        self.readers.pop(0).close()

    @rule()
    def collect(self):
        gc(self.path)
        kept = {*sorted(self.versions)[-2:], *(reader.version for reader in self.readers), self.store.version}
        gone = set(self.versions) - kept
        self.versions = {version: held for version, held in self.versions.items() if version in kept}
        assert {int(p.stem) for p in (self.path / "manifests").iterdir()} == set(self.versions), gone
        for reader in self.readers:
            self.check(reader)

    @rule()
    def open_again(self):
        for version in self.versions:
            with Store.open(self.path, version) as store:
                self.check(store)

    def teardown(self):
        if hasattr(self, "path"):
            assert not [problem for _, problem in verify(self.path) if problem]
            shutil.rmtree(self.folder)


QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def play(monkeypatch, examples, steps):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    chosen = settings(max_examples=examples, stateful_step_count=steps, deadline=None, suppress_health_check=QUIET)
    run_state_machine_as_test(History, settings=chosen)


def test_histories(monkeypatch):
    play(monkeypatch, 25, 15)


@pytest.mark.long
def test_many_histories(monkeypatch):
    play(monkeypatch, 200, 40)
