"""What cannot be written is one line and a non-zero exit, whichever command prints it."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lookalike import Collection
from lookalike.store.changing.writer import writing
from lookalike.store.version.rejects import Reject, write_rejects

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full here")


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A small collection, `shop`, in a folder of its own."""
    folder = tmp_path_factory.mktemp("streams")
    with Collection.create(folder / "shop") as collection:
        collection.add(np.eye(4, dtype=np.float32), ["a", "b", "c", "d"], ["x", "x", "y", None])
        collection.index()
    return folder


def lookalike(folder, arguments, redirected=""):
    """Run a command line in a shell, with streams redirected; (exit status, stdout, stderr)."""
    command = f"{sys.executable} -m lookalike {arguments} {redirected}"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], cwd=folder, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


RESULTS = [
    "--version",
    "--help",
    "search --help",
    "info shop",
    "info shop --json",
    "search shop a b -k 2",
    "search shop a --json",
    "verify shop",
    "gc shop --json",
    "prototypes shop",
    "bench shop --queries 2",
]


@needs_full
@pytest.mark.parametrize("arguments", RESULTS)
def test_a_full_disk_is_said_in_one_line(shop, arguments):
    said = "lookalike: cannot write the result to standard output: the disk is full\n"
    assert lookalike(shop, arguments, "> /dev/full") == (1, "", said)


@pytest.mark.parametrize("arguments", RESULTS)
def test_a_closed_output_is_said_in_one_line(shop, arguments):
    said = "lookalike: cannot write the result to standard output: it is closed\n"
    assert lookalike(shop, arguments, ">&-") == (1, "", said)


@pytest.mark.parametrize("arguments", ["--help", "search shop a -k 3 --json " + "b " * 2000])
def test_a_closed_pipe_is_silent_and_141(shop, arguments):
    status, _, said = lookalike(shop, arguments, "| true")
    assert (status, said) == (141, "")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_narrow_encoding_of_the_output_ends_no_command(tmp_path, encoding):
    with Collection.create(tmp_path / "shop") as collection:
        collection.add(np.eye(2, dtype=np.float32), ["größe 靴", "b"])
    command = f"PYTHONIOENCODING={encoding} {sys.executable} -m lookalike search shop b"
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b"") and done.stdout.count(b"\n") == 2 and b"1.414" in done.stdout


@needs_full
@pytest.mark.parametrize("where", ["/dev/full", "&-"])
def test_what_cannot_be_said_on_stderr_is_not_a_success(shop, where):
    (shop / "shop" / "vectors" / "stray").touch()
    for arguments, expected in (
        ("info shop --json", 0),
        ("gc shop", 1),
        ("search shop nope", 1),
        ("serch", 2),
        ("", 2),
    ):
        status, _, said = lookalike(shop, arguments, f"2>{where}")
        assert (status, said) == (expected, ""), arguments


def test_files_are_never_taken_for_closed_streams(shop):
    """Without its own streams a process opens files under their numbers; what is printed must not get there."""
    before = {path: path.read_bytes() for path in (shop / "shop").rglob("*.parquet")}
    assert lookalike(shop, "index shop", "<&- >&- 2>&-")[0] == 1
    assert lookalike(shop, "verify shop")[0] == 0
    assert {path: path.read_bytes() for path in before} == before


def test_paths_that_a_closed_output_cannot_take_are_said_in_one_line(shop):
    with Collection.create(shop / "rejected") as collection, writing(collection._view.store) as writer:
        writer.add_rejects(write_rejects(writer.path, str(shop), [Reject("a.jpg", "decode", "truncated")]))
        writer.commit()
    (shop / "a.jpg").touch()
    assert lookalike(shop, "rejects rejected --paths")[:2] == (0, f"{shop}/a.jpg\n")
    said = "lookalike: cannot write the result to standard output: it is closed\n"
    assert lookalike(shop, "rejects rejected --paths", ">&-") == (1, "", said)
