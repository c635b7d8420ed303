"""How long-running work reports its progress: through one callable that the caller gives."""

from collections.abc import Callable

Progress = Callable[[int, int | None, str], None]
"""Called as progress(done, total or None where unknown, note)."""


def silent(done: int, total: int | None, note: str) -> None:
    """Report nothing; the default."""
