"""Two writers in two processes: the second fails within a second and learns who is at work."""

import subprocess
import sys
import time

import numpy as np
import pytest

from lookalike import cli

from .operations import unit_rows
from .state import copied, state_of
from .test_disk_faults import COMMANDS

WRITING = [name for name, command in COMMANDS.items() if "SHOP" in command and name != "export"]
FIRST = ["calibrate"]  # encodes what it is given before it writes


@pytest.fixture
def holder(whole, tmp_path):
    """A real `lookalike import` that has committed and still holds the lock."""
    np.save(tmp_path / "other.npy", unit_rows(9, 9))
    (tmp_path / "keys.txt").write_text("".join(f"other {i}\n" for i in range(9)))
    command = [sys.executable, "-m", "lookalike.tests.survival.witnessed", str(tmp_path / "notes"), "hold"]
    command += ["import", str(copied(whole.shop, tmp_path / "shop")), str(tmp_path / "other.npy")]
    command += ["--keys", str(tmp_path / "keys.txt")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.filterwarnings("ignore::lookalike.store.errors.LookalikeWarning")
def test_a_second_writer_fails_within_a_second_and_names_the_first(whole, tmp_path, holder, capfd):
    shop = tmp_path / "shop"
    before = state_of(shop)
    for name in [*WRITING, "gc"]:
        arguments = [str({"SHOP": shop, **whole._asdict()}.get(w, w)) for w in COMMANDS.get(name, ["gc", "SHOP"])]
        capfd.readouterr()
        started = time.monotonic()
        assert cli.run(arguments) == 1, name
        taken = time.monotonic() - started
        said = capfd.readouterr().err
        assert said.startswith(f"lookalike: {shop} is being written to by process {holder.pid} ("), (name, said)
        assert "lookalike import" in said and said.count("\n") == 1
        assert taken < 1 or name in FIRST, (name, taken)
    assert state_of(shop) == before  # reading goes on
    assert cli.run(["search", str(shop), "key:other 3", "--json"]) == 0
    holder.kill()
    holder.wait()
    assert cli.run(["remove", str(shop), "other 3"]) == 0  # a dead writer holds nothing
