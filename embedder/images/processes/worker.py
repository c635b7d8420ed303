"""A process that decodes images: `python -m lookalike.embedder.images.processes.worker OWNER_PID`, run by decoders.py.

Requests come in on stdin: one JSON object on a line, then as many bytes of an image as it says. Answers go out on
stdout: one JSON object on a line, then the pixels. What hostile bytes can do to a process, they do to this one: its
address space is bounded by the memory that is free, the system takes it first where memory runs out, and its owner
ends it when an image takes too long. It loads neither torch nor FAISS.

A request: {"how", "bytes", "alone", "sharing", "seconds"}. An image whose pixels would take a large part of the memory
is answered {"large": bytes}, and is sent again, `alone`, once no other of the owner's processes decodes.
An answer: {"shape", "width", "height"}, {"stage", "reason"}, {"large"} or {"short": what was lacking}.
"""

import contextlib
import json
import os
import resource
import signal
import sys
import threading
import time
from typing import Any, BinaryIO, NoReturn

import numpy as np
from numpy.typing import NDArray

from ....store.disk.memory import UNKNOWN, free_memory, in_words, space_taken
from ....store.work.worker import go_first, own_the_pipes
from .. import image as images
from ..rejected import OutOfMemory, Rejected
from .needs import SMALL, Needs, needs_of, too_large

_LOOK = 1.0  # seconds for which what is free is taken to stay about the same
Answer = tuple[dict[str, Any], NDArray[np.uint8] | None]


def main() -> NoReturn:
    """Serve until the owner closes the pipe, or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the owner ends us
    requests, answers = own_the_pipes()
    threading.Thread(target=_end_with_owner, args=(int(sys.argv[1]),), daemon=True).start()
    go_first(1000)
    serve(os.fdopen(requests, "rb", 1 << 16), os.fdopen(answers, "wb", 1 << 16))
    os._exit(0)


def _end_with_owner(owner: int) -> None:
    """End when the owner does; the pipe may be held open by a process that it forked."""
    while os.getppid() == owner:
        time.sleep(1.0)
    os._exit(0)


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    room = Room()
    _send(answers, {"ready": True}, None)
    while line := requests.readline():
        request = json.loads(line)
        data = requests.read(request["bytes"])
        _bound_time(request["seconds"])
        try:
            reply = _answer(room, data, request)
        except Rejected as rejected:
            reply = {"stage": rejected.stage, "reason": rejected.reason}, None
        _send(answers, *reply)


def _send(answers: BinaryIO, reply: dict[str, Any], pixels: NDArray[np.uint8] | None) -> None:
    try:
        answers.write(json.dumps(reply).encode() + b"\n")
        if pixels is not None:
            answers.write(np.ascontiguousarray(pixels).data)
        answers.flush()
    except OSError:  # the owner is gone
        os._exit(0)


def _bound_time(seconds: float) -> None:
    """Let the system end this process when nobody else does: an owner that is killed can end nobody."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    with contextlib.suppress(OSError, ValueError):
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        most = int(used.ru_utime + used.ru_stime + 2 * seconds) + 60
        resource.setrlimit(resource.RLIMIT_CPU, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


class Room:
    """The memory that an image may take here. `free`: bytes that were free at the last look."""

    def __init__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_AS)
        self._looked = -_LOOK
        self.free = 0

    def look(self, needs: Needs, alone: bool, sharing: int) -> None:
        """See what is free, and bound the address space by this process's share of it."""
        now = time.monotonic()
        if not alone and needs.bytes <= SMALL and now - self._looked < _LOOK:
            return
        self._looked = now
        self._bound(self._limits[0])
        self.free = free_memory()
        if self.free == UNKNOWN:
            return
        share = self.free if alone else max(self.free // sharing, 2 * needs.bytes)
        self._bound(space_taken() + share)

    def _bound(self, space: int) -> None:
        soft, hard = self._limits
        tightest = min((limit for limit in (space, soft, hard) if limit != resource.RLIM_INFINITY), default=space)
        with contextlib.suppress(OSError, ValueError):  # macOS knows the limit and does not take it
            resource.setrlimit(resource.RLIMIT_AS, (tightest, hard))


def _answer(room: Room, data: bytes, request: dict[str, Any]) -> Answer:
    """Decode one image within the memory there is."""
    alone, sharing = request["alone"], request["sharing"]
    how = images.How.of_text(request["how"])
    needs = needs_of(data, how)
    room.look(needs, alone, sharing)
    if not alone and needs.bytes > max(SMALL, room.free // (4 * sharing)):
        return {"large": needs.bytes}, None
    if alone and needs.bytes > SMALL and room.free < needs.bytes:
        raise too_large(needs, room.free)
    try:
        pixels, width, height = images.prepared_as(data, how)
    except (OutOfMemory, MemoryError):
        return _lacking(needs, room.free, alone)
    return {"shape": pixels.shape, "width": width, "height": height}, pixels


def _lacking(needs: Needs, free: int, alone: bool) -> Answer:
    """Memory ran out: ask to be alone with the image, or say whose fault it is that it ran out even so."""
    if not alone:
        return {"large": needs.bytes}, None
    if needs.bytes <= SMALL and free < 4 * SMALL:
        return {"short": f"decoding an image takes {in_words(needs.bytes)}, and {in_words(free)} are free"}, None
    raise Rejected("decode", f"decoding it takes more memory than the {in_words(free)} that are free")


if __name__ == "__main__":
    main()
