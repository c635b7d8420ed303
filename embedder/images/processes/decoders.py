"""Decoding images in processes of their own, a few at once and in their order, each within a deadline and the memory.

Whatever an image does to its decoder (it crashes, it never returns, it takes all memory), that image alone is rejected.
An image whose pixels take a large part of the memory that is free is decoded while nothing else is, and rejected where
it does not fit. Only a worker whose driver watches over it decodes in its own process, which spares the way through the
pipes; there, too, what is large goes to a process of its own, and so does everything once a fragment has failed.

Reading stays in the calling thread: a Parquet table is read forward by one cursor. No thread is started here.
"""

import selectors
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from ....store.disk.memory import free_memory, in_words
from ....store.errors import LookalikeError
from ....store.work import heartbeat
from ....store.work.cores import cores
from .. import image as images
from ..image import How, Prepared
from ..preprocessing import Preprocessing
from ..rejected import OutOfMemory, Rejected
from .needs import SMALL, needs_of, needs_of_pixels, too_large
from .process import DecodingProcess, Reply, borrow, give_back
from .turns import Turn

FEW = 128
"""Images that are held at once, as their source gives them."""
Outcome = Prepared | Rejected

_MOST = 8  # processes
_EACH, _EACH_BYTES = 12, 1 << 18  # images, and bytes of them, that are worth one more process
_ROOM = 256 << 20  # bytes of free memory that one more process asks for
_AHEAD = 64 << 20  # bytes of pixels that may wait for their turn
_START = 120.0  # seconds for a process to start
_DEATHS = 3  # after so many, with nothing ever decoded, the images are not to blame
_QUEUED, _QUEUED_BYTES = 16, 1 << 16  # images that a process holds: it need not wait for its owner after a small one
_SOON, _LOOK = 0.005, 1.0

_worked = False  # whether a process has decoded, or rejected, an image in the ordinary way


def for_encoder(preprocessing: Preprocessing) -> How:
    """What `decoded` is told to give pixels (size, size, channels) for an encoder."""
    return How(preprocessing)


def decode(items: Sequence[Any], how: How) -> list[Outcome]:
    """For each image (bytes, RawPixels, PIL image) its pixels as `how` says, or why not; Rejected stays Rejected."""
    return list(decoded(items, how))


def decoded(
    items: Sequence[Any], how: How, *, seconds: float | None = None, apart: bool = True, turns: str | None = None
) -> Generator[Outcome, None, None]:
    """Give what `decode` does one by one, a few ahead.

    seconds: the deadline of an image (the environment's, or 60). apart: whether all encoded images go to processes of
    their own, and not only large ones. turns: a folder on which processes agree who decodes a large image.
    Raises LookalikeError if the machine is at fault and not an image.
    """
    run = _Run(items, how, heartbeat.deadline() if seconds is None else seconds, apart, turns)
    try:
        yield from run.outcomes()
    finally:
        run.close()


class _Run:
    """Images on their way through processes. waiting: their places; large: of those that must be alone."""

    def __init__(self, items: Sequence[Any], how: How, seconds: float, apart: bool, turns: str | None) -> None:
        self.items, self.how, self.seconds, self.apart = items, how, seconds, apart
        self._turn = Turn(turns)
        self.encoded = [place for place, item in enumerate(items) if isinstance(item, bytes)]
        self.waiting = deque(self.encoded if apart else ())
        self.large: deque[int] = deque()
        self.done: dict[int, Outcome] = {}
        self.processes: list[DecodingProcess] = []
        self.alone = False
        self.deaths: list[str] = []
        self.count = self._worthwhile()
        self.ahead = max(1, _AHEAD // (how.channels * how.size**2))
        self._selector = selectors.DefaultSelector()
        self._patience = heartbeat.Patience()

    def _worthwhile(self) -> int:
        """How many processes repay their start: thousands of tiny images keep one less busy than its own start did."""
        size = sum(len(self.items[place]) for place in self.waiting)
        work = min(-(-len(self.waiting) // _EACH), -(-size // _EACH_BYTES))
        return max(1, min(_MOST, cores(), work, free_memory() // _ROOM))

    def outcomes(self) -> Iterator[Outcome]:
        """One for each item, in order."""
        for place, item in enumerate(self.items):
            yield self._through_processes(place) if isinstance(item, bytes) else self._here(item)
        if len(self.deaths) >= _DEATHS and len(self.deaths) == len(self.encoded) and not _worked:
            raise LookalikeError(f"decoding fails for every image; the last process ended with {self.deaths[-1]}")

    def _here(self, item: Any) -> Outcome:
        """Pixels that are there already need no decoder; those of a PIL image may be read from its file only now."""
        if isinstance(item, Rejected):
            return item
        try:
            if (needs := needs_of_pixels(item, self.how)).bytes > SMALL and needs.bytes > (free := free_memory()):
                return too_large(needs, free)
            return images.prepared_as(item, self.how)
        except OutOfMemory as error:
            raise LookalikeError(f"not enough memory for an image: only {in_words(free_memory())} are free") from error
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
            if needs.bytes > SMALL and needs.bytes > free_memory() // (4 * cores()):
                return None
            try:
                return images.prepared_as(data, self.how)
            except OutOfMemory:
                return None
            except Rejected as rejected:
                return rejected.kept()

    def _hand_out(self, given: int) -> None:
        """Keep the processes busy; a large image waits until none is, and then until it is this process's turn."""
        while self.waiting and self.waiting[0] < given + self.ahead and not self.alone:
            if (process := self._least_busy()) is None:
                break
            self._ask(process, self.waiting.popleft(), alone=False)
        if self.large and not self._busy() and self._turn.take():
            self._ask(self.processes[0] if self.processes else self._joined(), self.large.popleft(), alone=True)

    def _busy(self) -> list[DecodingProcess]:
        return [process for process in self.processes if process.places]

    def _least_busy(self) -> DecodingProcess | None:
        """The process with the fewest images, or a new one where all have some; None where all have enough.

        An image of some size is work enough by itself, and then the others are for the next process.
        """
        best = min(self.processes, key=lambda process: len(process.places), default=None)
        if (best is None or best.places) and len(self.processes) < self.count:
            return self._joined()
        held = 0 if best is None else sum(len(self.items[place]) for place in best.places)
        return best if best is not None and len(best.places) < _QUEUED and held < _QUEUED_BYTES else None

    def _ask(self, process: DecodingProcess, place: int, alone: bool) -> None:
        process.places.append(place)
        self.alone = alone
        if len(process.places) == 1:
            process.waited = 0.0
        about = {"how": self.how.text, "alone": alone, "sharing": self.count, "seconds": self.seconds}
        process.ask(about, self.items[place])

    def _joined(self) -> DecodingProcess:
        process = borrow()
        self.processes.append(process)
        self._selector.register(process, selectors.EVENT_READ)
        return process

    def _ended(self, process: DecodingProcess, patience: float = 0) -> tuple[int, str]:
        """End a process and take back what it had not begun: the place of the image it worked on, and how it ended."""
        self._selector.unregister(process)
        self.processes.remove(process)
        self._turn.leave()
        self.alone = False
        place, *others = process.places
        self.waiting.extendleft(reversed(others))
        return place, process.end(patience)

    def _receive(self) -> None:
        """Wait a little for what the processes say, take it in, and end those that take too long."""
        if not self._busy():
            return
        unsent = sum(process.push() for process in self.processes)
        for key, _ in self._selector.select(_SOON if unsent else _LOOK):
            process: Any = key.fileobj
            self._take(process, process.replies())
        passed = self._patience.tick()
        for process in self._busy():
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
        self._turn.leave()
        self.alone, process.waited = False, 0.0
        return process.places.popleft()

    def _settle(self, place: int, reply: Reply) -> None:
        global _worked
        said = reply.said
        if "large" in said:
            self.large.append(place)
        elif "short" in said:
            raise LookalikeError(
                f"not enough memory to continue ({said['short']}): use fewer workers (--workers 1), close other "
                "programs, or raise the memory limit of this process"
            )
        elif reply.pixels is not None:
            _worked, self.done[place] = True, Prepared(reply.pixels, said["width"], said["height"])
        else:
            _worked, self.done[place] = True, Rejected(said["stage"], said["reason"])

    def _died(self, process: DecodingProcess) -> None:
        """A process ended by itself: its image is tried once more, alone, since others may have taken the memory."""
        alone = self.alone
        place, how = self._ended(process, patience=1)
        if not process.ready:
            raise LookalikeError(f"a process for decoding images did not start: it ended with {how}")
        if not alone:
            self.large.append(place)
            return
        self.deaths.append(how)
        self.done[place] = Rejected("decode", f"decoding it ended its process by {how}")

    def _end_late(self, process: DecodingProcess, passed: float) -> None:
        """End a process whose image takes too long."""
        process.waited += passed
        if process.waited <= self.seconds:
            return
        stopped = process.stopped()
        if not process.ready and not stopped and process.waited <= _START:
            return
        place, _ = self._ended(process)
        if stopped:
            self.waiting.appendleft(place)
            return
        if not process.ready:
            raise LookalikeError(f"a process for decoding images did not start within {process.waited:.0f} s")
        self.done[place] = Rejected("decode", f"decoding took longer than {self.seconds:g} s")

    def close(self) -> None:
        """Keep the idle processes for others, and end those that still work."""
        for process in self.processes:
            if process.places:
                process.end()
            else:
                give_back(process)
        self.processes = []
        self._selector.close()
        self._turn.leave()
