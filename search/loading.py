"""One thread at a time loads what all threads share, such as an encoder."""

import os
import threading

_lock = threading.RLock()


def loading() -> threading.RLock:
    """The lock to hold while looking whether something is loaded, and loading it."""
    return _lock


def _renew() -> None:
    """In a forked child the thread that held the lock may not exist."""
    global _lock
    _lock = threading.RLock()


os.register_at_fork(after_in_child=_renew)
