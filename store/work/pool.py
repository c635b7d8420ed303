"""The local engine: worker processes, each fed over its own pipe by a driver that has no threads.

Workers are spawned, never forked (OpenMP and CUDA do not survive a fork), and inherit no file descriptor but their
pipes, so neither the writer's lock nor another worker's pipe stays open in them. A worker that reports nothing for too
long, or reports a step that takes too long, is ended, and its current fragment is tried again (see heartbeat.py).
"""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import errors
from ..errors import LookalikeError
from . import heartbeat
from .fragments import Fragment
from .interrupts import interrupts_later

ATTEMPTS = 3
QUEUED = 2  # fragments that a worker holds: the one it works on, and the next
_LOOK = 1.0  # seconds between two looks at how long workers have been silent
_SOON = 0.01  # seconds until a worker whose pipe was full is written to again
Poison = Callable[[Fragment, str], dict[str, Any] | None]
"""Called as poison(fragment, reason) when a fragment failed for good; what it returns stands in, None raises."""


@dataclass
class Task:
    """A fragment in progress, with its place among the results and the reasons of failed attempts."""

    place: int
    fragment: Fragment
    failures: list[str] = field(default_factory=list)

    def again(self) -> Fragment:
        """The fragment to run now; from the second attempt on it says which attempt this is."""
        return {**self.fragment, "attempt": 1 + len(self.failures)} if self.failures else self.fragment

    def failed(self, reason: str, poison: Poison | None) -> dict[str, Any] | LookalikeError | None:
        """Count a failed attempt: None to try again, otherwise the substitute result or the error."""
        self.failures.append(reason)
        if len(self.failures) < ATTEMPTS:
            return None
        instead = poison(self.fragment, reason) if poison is not None else None
        if instead is not None:
            return instead
        return LookalikeError(f"fragment {self.fragment['number']} failed {ATTEMPTS} times, the last time: {reason}")


class Worker:
    """One worker process and its fragments; it works on the first of them."""

    def __init__(self, env: Mapping[str, str], work: str | None) -> None:
        command = [
            sys.executable,
            "-P",
            "-m",
            "lookalike.store.work.worker",
            str(os.getpid()),
            *([work] if work else []),
        ]
        try:
            with interrupts_later():
                self.process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0, env={**os.environ, **env}
                )
        except OSError as error:
            raise LookalikeError(f"cannot start a worker process: {error.strerror}: try fewer workers") from error
        self.tasks: deque[Task] = deque()
        self.silent = self.step = 0.0
        self._rest, self._unsent = b"", bytearray()
        os.set_blocking(self.process.stdin.fileno(), False)  # type: ignore[union-attr]

    def fileno(self) -> int:
        """The pipe on which answers arrive."""
        return self.process.stdout.fileno()  # type: ignore[union-attr]

    def give(self, task: Task) -> None:
        """Hand over a fragment, as far as the worker accepts it now; `push` hands over the rest."""
        self.tasks.append(task)
        self._unsent += json.dumps(task.again()).encode() + b"\n"
        self.push()

    def push(self) -> bool:
        """Write what the pipe accepts without waiting. Returns whether data is left.

        A stopped worker accepts nothing; a dead worker is noticed when its pipe is read.
        """
        try:
            while self._unsent:
                del self._unsent[: os.write(self.process.stdin.fileno(), self._unsent[: 1 << 16])]  # type: ignore[union-attr]
        except BlockingIOError:
            pass
        except BrokenPipeError:
            self._unsent.clear()
        return bool(self._unsent)

    def answers(self) -> list[dict[str, Any]] | None:
        """The answers that have arrived, with heartbeats taken out and noted; None once the worker is gone."""
        data = os.read(self.fileno(), 1 << 16)
        if not data:
            return None
        self.silent = 0.0
        *lines, self._rest = (self._rest + data).split(b"\n")
        replies = [json.loads(line) for line in lines]
        for reply in replies:
            self.step = reply.get("alive", 0.0)
        return [reply for reply in replies if "alive" not in reply]

    def end(self, patience: float = 0) -> str:
        """Make sure that the process is gone, by force after `patience` seconds. Returns how it ended."""
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()  # type: ignore[union-attr]
        try:
            code = self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        return f"exit code {code}" if code >= 0 else f"signal {-code} ({signal.Signals(-code).name})"


class Pool:
    """Up to `count` workers; a context manager that leaves none behind. With `work`, all start at once and load it."""

    def __init__(self, count: int, env: Mapping[str, str], poison: Poison | None, work: str | None = None) -> None:
        self.count, self.env, self.poison, self.work = count, env, poison, work
        self.workers: list[Worker] = []
        self.taken = 0
        self.waiting: deque[Task] = deque()  # fragments to try again before new ones
        self.done: dict[int, dict[str, Any] | LookalikeError] = {}
        self.deadline = heartbeat.deadline({**os.environ, **env})
        self._patience = heartbeat.Patience()
        self._selector = selectors.DefaultSelector()
        self._owner = os.getpid()

    def __enter__(self) -> "Pool":
        try:
            while self.work and len(self.workers) < self.count:
                self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if os.getpid() == self._owner:  # not in a forked copy of the driver
            for worker in self.workers:
                worker.end()
        self._selector.close()

    def results(self, fragments: Iterable[Fragment]) -> Iterator[dict[str, Any]]:
        """The results in the order of `fragments`, which is read only a few fragments ahead."""
        source = iter(fragments)
        given = self.taken
        while True:
            self._hand_out(source, given)
            if given == self.taken:
                return
            while given not in self.done:
                self._receive()
                self._hand_out(source, given)
            outcome = self.done.pop(given)
            given += 1
            if isinstance(outcome, LookalikeError):
                raise outcome
            yield outcome

    def _hand_out(self, source: Iterator[Fragment], given: int) -> None:
        """Keep every worker supplied."""
        limit = given + (QUEUED + 1) * self.count
        while self._room() and (task := self._next(source, limit)) is not None:
            self._least_busy().give(task)

    def _room(self) -> bool:
        return len(self.workers) < self.count or any(len(worker.tasks) < QUEUED for worker in self.workers)

    def _next(self, source: Iterator[Fragment], limit: int) -> Task | None:
        """A task to try again, or a new one as long as fewer than `limit` were taken."""
        if self.waiting:
            return self.waiting.popleft()
        fragment = next(source, None) if self.taken < limit else None
        if fragment is None:
            return None
        self.taken += 1
        return Task(self.taken - 1, fragment)

    def _least_busy(self) -> Worker:
        """The worker with the fewest tasks, a new one where all have some and more are allowed."""
        best = min(self.workers, key=lambda worker: len(worker.tasks), default=None)
        if best is None or (best.tasks and len(self.workers) < self.count):
            best = self._start()
        return best

    def _start(self) -> Worker:
        worker = Worker(self.env, self.work)
        self.workers.append(worker)
        self._selector.register(worker, selectors.EVENT_READ)
        return worker

    def _receive(self) -> None:
        """Wait for answers or for the end of a worker, handle them, and end workers that hang."""
        waiting = sum(worker.push() for worker in self.workers)
        for key, _ in self._selector.select(_SOON if waiting else _LOOK):
            worker: Any = key.fileobj
            answers = worker.answers()
            if answers is None:
                self._bury(worker)
            for answer in answers or ():
                self._settle(worker.tasks.popleft(), answer)
        self._end_hanging(self._patience.tick())

    def _end_hanging(self, passed: float) -> None:
        """End workers that reported nothing, or stayed in one step, for too long.

        passed: seconds since the last call.
        """
        silence = max(self.deadline, heartbeat.LEAST_SILENCE)
        for worker in list(self.workers):
            worker.silent += passed
            if worker.step > self.deadline:
                self._bury(worker, f"one step took longer than {self.deadline:g} s")
            elif worker.silent > silence:
                self._bury(worker, f"its worker did not respond for {silence:g} s")

    def _bury(self, worker: Worker, why: str | None = None) -> None:
        """Remove a worker that died or was ended: its current fragment has failed, and the others are queued again."""
        self._selector.unregister(worker)
        self.workers.remove(worker)
        how = worker.end(patience=0 if why else 1)
        tasks = list(worker.tasks)
        self.waiting.extendleft(reversed(tasks[1:]))
        if tasks:
            self._settle(tasks[0], {"failed": why or f"its worker ended by {how}", "traceback": ""})

    def _settle(self, task: Task, answer: dict[str, Any]) -> None:
        """Keep a result or an error for its turn, or let the fragment be tried again."""
        outcome: dict[str, Any] | LookalikeError | None
        if "result" in answer:
            outcome = answer["result"]
        elif "refused" in answer:
            outcome = refusal(answer)
        else:
            outcome = task.failed(answer["failed"], self.poison)
            if isinstance(outcome, LookalikeError) and answer["traceback"]:
                outcome.add_note(answer["traceback"])
        if outcome is None:
            self.waiting.appendleft(task)
        else:
            self.done[task.place] = outcome


def refusal(answer: dict[str, Any]) -> LookalikeError:
    """The LookalikeError that a worker raised, with its own class; the worker's traceback is added as a note."""
    kind = getattr(errors, answer["refused"], LookalikeError)
    error: LookalikeError = kind(answer["message"])
    error.add_note(answer["traceback"])
    return error
