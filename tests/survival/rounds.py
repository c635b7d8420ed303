"""Rounds of killing: a forked child works, is killed at a random moment, and what it left is looked at and repaired.

The process that forks never computes anything itself (OpenMP does not survive a fork): preparing, working and looking
are all done in children. An operation commits at the same places each time, so what a kill leaves must be exactly
the state after the commits that were acknowledged, or after one more, which was on its way.
"""

import os
import random
import shutil
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lookalike.store.files.manifest import versions
from lookalike.store.upkeep.housekeeping import gc
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store

from . import witness
from .operations import OPERATIONS, Operation
from .state import copied, named_files, rows_of, state_of, strays_of

OPENS_WITHIN = 2.0  # seconds


def fork(work: Callable[[], Any], failure: Path) -> int:
    """Start a child that works; its process id. It ends with 0, or with 1 and its traceback in `failure`."""
    child = os.fork()
    if child:
        return child
    try:
        work()
        os._exit(0)
    except BaseException:
        failure.write_text(traceback.format_exc())
    finally:
        os._exit(1)


def ended(child: int, failure: Path) -> int:
    """Wait for a child to end: 0, or minus a signal; RuntimeError with its traceback where it failed."""
    return _outcome(os.waitpid(child, 0)[1], failure)


def _outcome(status: int, failure: Path) -> int:
    code = os.waitstatus_to_exitcode(status)
    if code > 0:
        raise RuntimeError(f"in a child: {failure.read_text() if failure.exists() else code}")
    return code


class Rounds:
    """An operation, what it does undisturbed, and what kills did to it."""

    def __init__(self, name: str, folder: Path, seed: int) -> None:
        self.operation: Operation = OPERATIONS[name](folder)
        self.folder, self.random = folder, random.Random(seed)
        self.failure, self.notes, self.reference = folder / "failure", folder / "notes", folder / "reference"
        folder.mkdir(parents=True)

    def prepare(self) -> float:
        """Run it undisturbed, twice, since the first time warms caches; the seconds that it takes."""
        self._do(self.operation.prepare)
        for shop in (self.folder / "warm", self.reference):
            self._begin(shop)
            started = time.monotonic()
            self._do(lambda shop=shop: self._work(shop))
            seconds = time.monotonic() - started
            shutil.move(self.notes, f"{shop}.notes")
        self._do(self._look_at_reference)
        return seconds

    def kill(self, kills: int, seconds: float) -> dict[str, Any]:
        """Kill it until `kills` kills came before its end, at moments spread over `seconds`; what happened."""
        moments = [(i + self.random.random()) / kills for i in range(kills)]
        self.random.shuffle(moments)
        report: dict[str, Any] = {"kills": 0, "late": 0, "strays": 0, "commits": []}
        shop = self.folder / "shop"
        while moments and report["late"] <= 2 * kills:
            took = self._killed(shop, moments[-1] * seconds)
            if took is not None:  # it ended first, and so takes less than was thought
                report["late"] += 1
                seconds = took
                continue
            moments.pop()
            report["kills"] += 1
            report["commits"].append(len(witness.read(self.notes)))
            report["strays"] += bool(strays_of(shop))
            self._do(lambda: (self._look(shop), self._repair(shop)))
        return report

    def _do(self, work: Callable[[], Any]) -> None:
        ended(fork(work, self.failure), self.failure)

    def _begin(self, shop: Path) -> None:
        self.notes.unlink(missing_ok=True)
        shutil.rmtree(shop, ignore_errors=True)
        if self.operation.base is not None:
            copied(self.operation.base, shop)

    def _work(self, shop: Path) -> None:
        witness.watch(self.notes)
        self.operation.run(shop)

    def _killed(self, shop: Path, after: float) -> float | None:
        """Kill a child that works after so many seconds; None, or the seconds it took where it was done before."""
        self._begin(shop)
        started = time.monotonic()
        child = fork(lambda: self._work(shop), self.failure)
        while (passed := time.monotonic() - started) < after:
            pid, status = os.waitpid(child, os.WNOHANG)
            if pid:
                _outcome(status, self.failure)
                return passed
            time.sleep(min(0.005, after - passed))
        os.kill(child, signal.SIGKILL)
        return None if ended(child, self.failure) == -signal.SIGKILL else passed

    def _look_at_reference(self) -> None:
        """What the undisturbed run made is what the inputs say, and it does the same each time."""
        state = state_of(self.reference)
        assert state_of(self.folder / "warm") == state
        expected = self.operation.expected()
        assert {key: label for key, label, _ in state["rows"].values()} == {k: la for k, (la, _) in expected.items()}
        for key, _, vector in state["rows"].values():
            np.testing.assert_allclose(np.frombuffer(vector, np.float32), expected[key][1], atol=1e-5)
        notes, stay = witness.read(self.folder / "reference.notes"), set(self._base_rows()) & set(expected)
        assert len(notes) > 1
        for n in range(len(notes)):
            assert stay <= set(witness.rows_after(self._base_rows(), notes[: n + 1])), (
                "an older row is lost for a while"
            )

    def _base_rows(self) -> dict[str, int]:
        if self.operation.base is None:
            return {}
        with Store.open(self.operation.base) as store:
            return {key: row for row, (key, _, _) in rows_of(store).items()}

    def _truth(self) -> dict[int, tuple[str, str | None, bytes]]:
        """Key, label and vector of every row there ever was: none that an operation makes is gone in its end."""
        truth = {}
        for shop in filter(None, (self.operation.base, self.reference)):
            with Store.open(shop) as store:
                truth |= rows_of(store)
        return truth

    def _look(self, shop: Path) -> None:
        """It opens, holds what was acknowledged and nothing that was not on its way, and its files are sound."""
        notes, all_notes = witness.read(self.notes), witness.read(self.folder / "reference.notes")
        assert all_notes[: len(notes)] == notes
        if not versions(shop):
            assert not notes and self.operation.base is None
            return
        started = time.monotonic()
        with Store.open(shop) as store:
            found = rows_of(store)
            assert time.monotonic() - started < OPENS_WITHIN
            keys = {key: row for row, (key, _, _) in found.items()}
            assert len(keys) == len(found), "a key is there twice"
            assert store.find(list(keys)).tolist() == list(keys.values())
            sure, next_ = (witness.rows_after(self._base_rows(), all_notes[:n]) for n in (len(notes), len(notes) + 1))
            done = notes[-1]["version"] if notes else None
            assert done is None or store.version in (done, done + 1)
            assert keys == (sure if store.version == done else next_) or (done is None and keys in (sure, next_))
        truth = self._truth()
        assert all(truth[row] == held for row, held in found.items())
        assert [(file, problem) for file, problem in verify(shop) if problem] == []

    def _repair(self, shop: Path) -> None:
        """Running it again completes it; what was left lying about goes; all is as without the kill."""
        os.fsync = lambda descriptor: None  # in this child: no power fails here, and nobody kills it
        self.operation.run(shop)
        gc(shop, 0)
        assert strays_of(shop) == set()
        assert not [name for name in named_files(shop) if not (shop / name).exists()]
        state, expected = state_of(shop), state_of(self.reference)
        if state["rows"] != expected["rows"]:
            both = state["rows"].keys() | expected["rows"].keys()
            rows = [row for row in sorted(both) if state["rows"].get(row) != expected["rows"].get(row)]
            raise AssertionError(f"rows {rows}: {state['rows'].get(rows[0])}, not {expected['rows'].get(rows[0])}")
        differing = {name: (state[name], expected[name]) for name in expected if state[name] != expected[name]}
        assert not differing, str(differing)[:2000]
        assert [(file, problem) for file, problem in verify(shop) if problem] == []
