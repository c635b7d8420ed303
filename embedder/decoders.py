"""Decoding images in processes of their own, a few at once and in their order, each within a deadline and the memory.

Whatever an image does to its decoder (it crashes, it never returns, it takes all memory), that image alone is rejected.
An image whose pixels take a large part of the memory that is free is decoded while nothing else is, and rejected where
it does not fit. Only a worker whose driver watches over it decodes in its own process, which spares the way through the
pipes; there, too, what is large goes to a process of its own, and so does everything once a fragment has failed.

Reading stays in the calling thread: a Parquet table is read forward by one cursor. No thread is started here.
"""

import fcntl
import os
import selectors
import time
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from typing import Any

from ..store import heartbeat
from ..store.errors import LookalikeError
from ..store.memory import free_memory, in_words
from . import images
from .decoding_process import DecodingProcess, Reply, borrow, give_back
from .images import How, Prepared
from .needs import SMALL, needs_of
from .preprocessing import Preprocessing
from .rejected import OutOfMemory, Rejected

FEW = 128
"""Images that are held at once, as their source gives them."""
Outcome = Prepared | Rejected

_MOST = 8  # processes
_EACH = 12  # images that are worth one more process
_AHEAD = 64 << 20  # bytes of pixels that may wait for their turn
_START = 120.0  # seconds for a process to start
_DEATHS = 3  # after so many, with nothing ever decoded, the images are not to blame
_SOON, _LOOK = 0.005, 1.0

_worked = False  # whether a process has decoded, or rejected, an image in the ordinary way


def for_encoder(preprocessing: Preprocessing) -> How:
    """What `decoded` is told to give pixels (size, size, channels) for an encoder."""
    return {"preprocessing": preprocessing.to_json()}


def decode(items: Sequence[Any], how: How) -> list[Outcome]:
    """For each image (bytes, RawPixels, PIL image) its pixels as `how` says, or why not; Rejected stays Rejected."""
    return list(decoded(items, how))


def decoded(
    items: Sequence[Any], how: How, *, seconds: float | None = None, apart: bool = True, turns: str | None = None
) -> Generator[Outcome, None, None]:
    """Give what `decode` does one by one, a few ahead.

    seconds: the deadline of an image (the environment's, or 60). apart: whether all encoded images go to processes of
    their own, and not only large ones. turns: a folder on which processes agree who decodes a large image.
    LookalikeError where the machine is at fault and not an image.
    """
    run = _Run(items, how, heartbeat.deadline() if seconds is None else seconds, apart, turns)
    try:
        yield from run.outcomes()
    finally:
        run.close()


class _Run:
    """Images on their way through processes. waiting: their places; large: of those that must be alone."""

    def __init__(self, items: Sequence[Any], how: How, seconds: float, apart: bool, turns: str | None) -> None:
        self.items, self.how, self.seconds, self.apart, self.turns = items, how, seconds, apart, turns
        self.encoded = [place for place, item in enumerate(items) if isinstance(item, bytes)]
        self.waiting = deque(self.encoded if apart else ())
        self.large: deque[int] = deque()
        self.done: dict[int, Outcome] = {}
        self.idle: list[DecodingProcess] = []
        self.busy: dict[DecodingProcess, int] = {}
        self.alone = False
        self.deaths: list[str] = []
        self.count = max(1, min(_MOST, os.cpu_count() or 1, -(-len(self.waiting) // _EACH)))
        size = how["preprocessing"]["size"] if "preprocessing" in how else how["side"]
        self.ahead = max(1, _AHEAD // (3 * size * size))
        self._patience = heartbeat.Patience()

    def outcomes(self) -> Iterator[Outcome]:
        """One for each item, in order."""
        for place, item in enumerate(self.items):
            yield self._through_processes(place) if isinstance(item, bytes) else self._here(item)
        if len(self.deaths) >= _DEATHS and len(self.deaths) == len(self.encoded) and not _worked:
            raise LookalikeError(f"decoding fails with every image, the last time: {self.deaths[-1]}")

    def _here(self, item: Any) -> Outcome:
        """Pixels that are there already need no decoder."""
        if isinstance(item, Rejected):
            return item
        try:
            return images.prepared_as(item, self.how)
        except OutOfMemory as error:
            raise LookalikeError(
                f"there is not enough memory for a picture: {in_words(free_memory())} are free"
            ) from error
        except Rejected as rejected:
            return rejected.kept()

    def _through_processes(self, place: int) -> Outcome:
        if not self.apart and (outcome := self._watched(self.items[place])) is not None:
            return outcome
        if not self.apart:
            self.large.append(place)
        while place not in self.done:
            self._hand_out(place)
            self._receive()
        return self.done.pop(place)

    def _watched(self, data: bytes) -> Outcome | None:
        """Decode here, where a driver ends this process if it has to; None for what is too large for that."""
        with heartbeat.step():
            needs = needs_of(data, self.how)
            if needs.bytes > SMALL and needs.bytes > free_memory() // (4 * (os.cpu_count() or 1)):
                return None
            try:
                return images.prepared_as(data, self.how)
            except OutOfMemory:
                return None
            except Rejected as rejected:
                return rejected.kept()

    def _hand_out(self, given: int) -> None:
        """Keep the processes busy; a large image waits until none is, and then until it is this process's turn."""
        while self.waiting and self.waiting[0] < given + self.ahead and len(self.busy) < self.count and not self.alone:
            self._ask(self.waiting.popleft(), alone=False)
        if self.large and not self.busy and self._turn():
            self._ask(self.large.popleft(), alone=True)

    def _ask(self, place: int, alone: bool) -> None:
        process = self.idle.pop() if self.idle else borrow()
        self.busy[process], self.alone = place, alone
        about = {"how": self.how, "alone": alone, "sharing": self.count, "seconds": self.seconds}
        process.ask(about, self.items[place])

    def _receive(self) -> None:
        """Wait a little for what the processes say, take it in, and end those that take too long."""
        if not self.busy:
            return
        unsent = sum(process.push() for process in self.busy)
        with selectors.DefaultSelector() as selector:
            for process in self.busy:
                selector.register(process, selectors.EVENT_READ)
            ready: list[Any] = [key.fileobj for key, _ in selector.select(_SOON if unsent else _LOOK)]
        for process in ready:
            self._take(process, process.replies())
        passed = self._patience.tick()
        for process in list(self.busy):
            self._end_late(process, passed)

    def _take(self, process: DecodingProcess, replies: list[Reply] | None) -> None:
        if replies is None:
            self._died(process)
        for reply in replies or ():
            if "ready" in reply.said:
                process.ready, process.waited = True, 0.0
            else:
                self._settle(self._freed(process), reply)

    def _freed(self, process: DecodingProcess) -> int:
        """The place of the image that a process has done with."""
        self.idle.append(process)
        self._leave_turn()
        self.alone = False
        return self.busy.pop(process)

    def _settle(self, place: int, reply: Reply) -> None:
        global _worked
        said = reply.said
        if "large" in said:
            self.large.append(place)
        elif "short" in said:
            raise LookalikeError(
                f"there is not enough memory to go on ({said['short']}): use fewer workers (--workers 1), close other "
                "programs, or raise the limit of this process"
            )
        elif reply.pixels is not None:
            _worked, self.done[place] = True, Prepared(reply.pixels, said["width"], said["height"])
        else:
            _worked, self.done[place] = True, Rejected(said["stage"], said["reason"])

    def _died(self, process: DecodingProcess) -> None:
        """A process ended by itself: its image is tried once more, alone, since others may have taken the memory."""
        place, alone, how = self.busy.pop(process), self.alone, process.end(patience=1)
        self._leave_turn()
        self.alone = False
        if not process.ready:
            raise LookalikeError(f"a process that decodes images did not start: it ended by {how}")
        if not alone:
            self.large.append(place)
            return
        self.deaths.append(how)
        self.done[place] = Rejected("decode", f"decoding it ended its process by {how}")

    def _end_late(self, process: DecodingProcess, passed: float) -> None:
        """End a process whose image takes too long."""
        process.waited += passed
        if process.waited <= (self.seconds if process.ready else max(_START, self.seconds)):
            return
        place = self.busy.pop(process)
        process.end()
        self._leave_turn()
        self.alone = False
        if not process.ready:
            raise LookalikeError(f"a process that decodes images did not start within {process.waited:.0f} s")
        self.done[place] = Rejected("decode", f"decoding took longer than {self.seconds:g} s")

    def close(self) -> None:
        """Keep the idle processes for others, and end those that still work."""
        for process in self.idle:
            give_back(process)
        for process in self.busy:
            process.end()
        self.idle, self.busy = [], {}
        self._leave_turn()

    _held: int | None = None

    def _turn(self) -> bool:
        """Whether no other process of this job decodes a large image now; then none will until `_leave_turn`."""
        if self.turns is None:
            return True
        with suppress(OSError):  # where folders cannot be locked, large images may meet
            self._held = os.open(self.turns, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self._leave_turn()
                time.sleep(0.05)
                return False
        return True

    def _leave_turn(self) -> None:
        if self._held is not None:
            os.close(self._held)
            self._held = None
