"""How long work tells how far it is: one callable, given by the caller."""

from collections.abc import Callable

Progress = Callable[[int, int | None, str], None]
"""Called as progress(done, total or None where unknown, note)."""


def silent(done: int, total: int | None, note: str) -> None:
    """Say nothing: the default."""
