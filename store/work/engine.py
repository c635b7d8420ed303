"""Engines run fragments. Whatever runs them, the driver gets their results in fragment order.

A fragment whose function raises LookalikeError stops the run when its turn comes. After any other failure, such as a
killed worker, it is tried again: three attempts in all. Then `poison` may supply a result in its place; otherwise
LookalikeError is raised.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from ..checks import choice
from ..disk.memory import is_out_of_memory, no_memory
from ..errors import LookalikeError
from .fragments import Fragment, perform
from .pool import Poison, Pool, Task

Results = Generator[dict[str, Any], None, None]
Perform = Callable[[Iterable[Fragment]], Iterator[dict[str, Any]]]
"""Called as perform(fragments): their results in order, one at a time; fragments are read a few ahead."""
Engine = Callable[[int, Mapping[str, str], Poison | None, str | None], AbstractContextManager[Perform]]


def run(
    fragments: Iterable[Fragment],
    workers: int,
    engine: str = "local",
    *,
    env: Mapping[str, str] | None = None,
    poison: Poison | None = None,
) -> Results:
    """Run `fragments`, and yield their results in order.

    workers: the number of processes; with one or none, each fragment runs in this process when its result is requested.
    env: variables set in the workers (thread counts must be set before libraries load), not in this process. poison:
    called with a fragment and a reason after its last failed attempt; a result that it returns is used. Fragments are
    read a few ahead of the results. Close the iterator, or leave it, to end the workers.
    """
    return _all(opened(workers, engine, env=env, poison=poison), fragments)


def _all(engine: AbstractContextManager[Perform], fragments: Iterable[Fragment]) -> Results:
    with engine as perform_all:
        yield from perform_all(fragments)


def opened(
    workers: int,
    engine: str = "local",
    *,
    env: Mapping[str, str] | None = None,
    poison: Poison | None = None,
    work: str | None = None,
) -> AbstractContextManager[Perform]:
    """A context manager that gives a function to run fragments, and ends its workers on leaving.

    The arguments are those of `run`. work: the function that all fragments will name. With it, all workers start at
    once and load it while the caller prepares the fragments, since loading often takes longer than a fragment.
    """
    return ENGINES[choice("engine", engine, [*ENGINES])](workers, env or {}, poison, work)


@contextmanager
def _local(workers: int, env: Mapping[str, str], poison: Poison | None, work: str | None) -> Iterator[Perform]:
    """This process, or a pool of processes on this machine."""
    if workers <= 1:
        yield lambda fragments: (_here(Task(place, fragment), poison) for place, fragment in enumerate(fragments))
        return
    with Pool(workers, env, poison, work) as pool:
        yield pool.results


def _here(task: Task, poison: Poison | None) -> dict[str, Any]:
    """Run a fragment in this process, with the attempts that a worker would get."""
    while True:
        try:
            return perform(task.again())
        except LookalikeError:
            raise
        except Exception as error:
            if is_out_of_memory(error):  # the job lacks memory, whatever the fragment
                raise LookalikeError(no_memory(error)) from error
            outcome = task.failed(f"{type(error).__name__}: {error}", poison)
            if isinstance(outcome, LookalikeError):
                raise outcome from error
            if outcome is not None:
                return outcome


ENGINES: dict[str, Engine] = {"local": _local}
"""Engines by name. An engine that spreads fragments over machines is added here."""
