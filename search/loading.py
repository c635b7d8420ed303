"""One thread at a time loads what all threads share, such as an encoder."""

from ..store.forks import RLock

_lock = RLock()


def loading() -> RLock:
    """The lock to hold while looking whether something is loaded, and loading it."""
    return _lock
