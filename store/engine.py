"""Engines: where fragments run. The result is the same wherever; the driver gets results in fragment order.

A fragment whose function raises LookalikeError stops the run at its turn. Any other failure, a killed worker among
them, is tried again: three attempts in all, then `poison` may put a result in its place, else LookalikeError.
"""

from collections.abc import Callable, Generator, Iterable, Mapping
from typing import Any

from .errors import LookalikeError
from .fragments import Fragment, perform
from .pool import Poison, Pool, Task

Results = Generator[dict[str, Any], None, None]
Engine = Callable[[Iterable[Fragment], int, Mapping[str, str], Poison | None], Results]


def run(
    fragments: Iterable[Fragment],
    workers: int,
    engine: str = "local",
    *,
    env: Mapping[str, str] | None = None,
    poison: Poison | None = None,
) -> Results:
    """Perform `fragments`, and give their results in order, one at a time.

    workers: how many processes; with one or none, each fragment is performed in this process when its result is asked
    for. env: variables set in the workers (thread counts must be there before libraries load), not in this process.
    poison: called with a fragment and a reason when it failed for the last time; a result it returns stands in.
    Fragments are read a few ahead of the results. Close the iterator, or leave it, to end the workers.
    """
    if engine not in ENGINES:
        raise LookalikeError(f"engine {engine!r} is not known: {', '.join(ENGINES)} works")
    return ENGINES[engine](fragments, workers, env or {}, poison)


def _local(fragments: Iterable[Fragment], workers: int, env: Mapping[str, str], poison: Poison | None) -> Results:
    """This process, or a pool of processes on this machine."""
    if workers <= 1:
        yield from (_here(Task(place, fragment), poison) for place, fragment in enumerate(fragments))
        return
    with Pool(workers, env, poison) as pool:
        yield from pool.results(fragments)


def _here(task: Task, poison: Poison | None) -> dict[str, Any]:
    """Perform a fragment in this process, with the attempts that a worker would get."""
    while True:
        try:
            return perform(task.fragment)
        except LookalikeError:
            raise
        except Exception as error:
            outcome = task.failed(f"{type(error).__name__}: {error}", poison)
            if isinstance(outcome, LookalikeError):
                raise outcome from error
            if outcome is not None:
                return outcome


ENGINES: dict[str, Engine] = {"local": _local}
"""By name. An engine that spreads fragments over machines enters here."""
