"""Turns at decoding large images: of all processes of a job one at a time, by a lock on a folder that they share."""

import fcntl
import os
import time
from contextlib import suppress


class Turn:
    """One process's turns. folder: whose lock they are, None where there are no other processes."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._held: int | None = None

    def taken(self) -> bool:
        """Whether no other process of the job decodes a large image now; then none will until `leave`."""
        if self._folder is None:
            return True
        with suppress(OSError):  # where folders cannot be locked, large images may meet
            self._held = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.leave()
                time.sleep(0.05)
                return False
        return True

    def leave(self) -> None:
        """Let others have theirs."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
