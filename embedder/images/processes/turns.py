"""Whose turn it is to decode a large image, among the processes of one job: they lock a folder that all know."""

import fcntl
import os
import time
from contextlib import suppress

_SOON = 0.05


class Turn:
    """A turn that is taken and left. folder: None where one process alone works, whose turn it always is."""

    def __init__(self, folder: str | None) -> None:
        self._folder = folder
        self._held: int | None = None

    def take(self) -> bool:
        """Whether no other process decodes a large image now; then none will until `leave`."""
        if self._folder is None or self._held is not None:
            return True
        with suppress(OSError):  # where folders cannot be locked, large images may meet
            self._held = os.open(self._folder, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.leave()
                time.sleep(_SOON)
                return False
        return True

    def leave(self) -> None:
        """Let others have their turn."""
        if self._held is not None:
            os.close(self._held)
            self._held = None
