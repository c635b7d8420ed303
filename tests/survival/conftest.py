"""What the tests of survival share: a warm process that forks and kills, and real processes of the shell."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .whole import Whole, make_whole


@pytest.fixture(scope="session")
def kill_rounds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., dict[str, Any]]]:
    """kill_rounds(operation, kills, seed=0): kill an operation so many times; what happened (see rounds.py)."""
    folder = tmp_path_factory.mktemp("kills")
    command = [sys.executable, "-m", "lookalike.tests.survival.warm", str(folder)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "XDG_CACHE_HOME": str(folder / "cache")}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env) as warm:

        def ask(operation: str, kills: int, seed: int = 0) -> dict[str, Any]:
            print(json.dumps({"operation": operation, "kills": kills, "seed": seed}), file=warm.stdin, flush=True)
            answer: dict[str, Any] = json.loads(warm.stdout.readline())
            assert "failure" not in answer, answer["failure"]
            return answer

        yield ask
        warm.stdin.close()


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A collection of every kind of file; copy it before changing it (state.copied)."""
    return make_whole(tmp_path_factory.mktemp("whole"))
