"""`lookalike embed --workers 2` as a real process: killed, told to stop, and robbed of a worker."""

import os
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest

from lookalike import cli
from lookalike.embedder.encoders.encoder import save_encoder
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store

from . import witness
from .operations import untrained
from .state import rows_of, strays_of

IMAGES = 1600


class Job:
    """Images and labels as IDX files, a model, and the rows that one process makes of them."""

    def __init__(self, folder) -> None:
        self.folder, self.model = folder, folder / "model"
        coarse = np.random.default_rng(5).integers(0, 256, (IMAGES, 7, 7)).astype(np.uint8)
        images = np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)
        labels = np.arange(IMAGES, dtype=np.uint8) % 10
        self.source = f"{folder / 'images'}:{folder / 'labels'}"
        (folder / "images").write_bytes(struct.pack(">IIII", 0x803, *images.shape) + images.tobytes())
        (folder / "labels").write_bytes(struct.pack(">II", 0x801, IMAGES) + labels.tobytes())
        save_encoder(self.model, untrained())
        assert cli.run([*self.command(folder / "reference"), "--workers", "1"]) == 0
        with Store.open(folder / "reference") as store:
            self.rows = rows_of(store)

    def command(self, shop):
        return ["embed", str(shop), self.source, "--model", str(self.model)]

    def check(self, shop, notes) -> int:
        """Acknowledged rows are there under their numbers, and what is there is right; how many rows are there."""
        sure = witness.rows_after({}, notes)
        with Store.open(shop) as store:
            found = rows_of(store)
            assert store.find(list(sure)).tolist() == list(sure.values())
        assert len({key for key, _, _ in found.values()}) == len(found)
        for row, (key, label, vector) in found.items():
            assert (key, label) == self.rows[row][:2]
            wanted = np.frombuffer(self.rows[row][2], np.float32)
            np.testing.assert_allclose(np.frombuffer(vector, np.float32), wanted, atol=1e-5)
        assert [each for each in verify(shop) if each[1]] == []
        return len(found)


class Driver:
    """A running `lookalike embed` with two workers that commits as often as it can."""

    def __init__(self, job, shop, notes) -> None:
        self.notes = notes
        command = [sys.executable, "-m", "lookalike.tests.survival.witnessed", str(notes), "0.01"]
        self.said = notes.with_name("said")  # a file: a pipe would be held open by the workers too
        with open(self.said, "w") as said:
            arguments = [*command, *job.command(shop), "--workers", "2"]
            self.process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=said)

    def workers(self):
        return psutil.Process(self.process.pid).children(recursive=True)

    def until_rows(self):
        """Wait until rows were acknowledged; the workers."""
        end = time.monotonic() + 120
        while not any(note["added"] for note in witness.read(self.notes)):
            assert self.process.poll() is None and time.monotonic() < end, self.said.read_text()
            time.sleep(0.01)
        return self.workers()

    def finish(self, seconds):
        """Exit status and what it said on stderr but for its progress, within so many seconds."""
        self.process.wait(seconds)
        said = self.said.read_text().splitlines()
        return self.process.returncode, [line for line in said if line and not line.startswith(("embed: ", "next: "))]


def gone(workers, seconds=2.0) -> bool:
    """Whether these processes end within so many seconds."""
    end = time.monotonic() + seconds
    while (left := [w for w in workers if running(w)]) and time.monotonic() < end:
        time.sleep(0.02)
    return not left


def running(process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    return Job(tmp_path_factory.mktemp("job"))


@pytest.fixture
def driver(job, tmp_path):
    made = Driver(job, tmp_path / "shop", tmp_path / "notes")
    yield made
    made.process.kill()
    made.process.wait()


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGTERM])
def test_an_ended_driver_leaves_no_worker_and_what_it_acknowledged(job, driver, tmp_path, deadly):
    workers = driver.until_rows()
    assert len(workers) == 2
    driver.process.send_signal(deadly)
    code, said = driver.finish(10)
    assert gone(workers, 2)
    assert code == (-signal.SIGKILL if deadly == signal.SIGKILL else 130)
    assert said == ([] if deadly == signal.SIGKILL else ["lookalike: interrupted"])
    shop = tmp_path / "shop"
    there = job.check(shop, witness.read(driver.notes))
    assert 0 < there < IMAGES
    assert cli.run([*job.command(shop), "--workers", "1"]) == 0  # the repair
    assert job.check(shop, witness.read(driver.notes)) == IMAGES
    assert cli.run(["gc", str(shop), "--keep-younger", "0"]) == 0 and strays_of(shop) == set()


def test_a_killed_worker_is_replaced_and_the_result_complete(job, driver, tmp_path):
    workers = driver.until_rows()
    os.kill(workers[0].pid, signal.SIGKILL)
    seen = set()
    while driver.process.poll() is None:
        try:
            seen |= {worker.pid for worker in driver.workers()}
        except psutil.NoSuchProcess:
            break
        time.sleep(0.02)
    code, said = driver.finish(60)
    assert (code, said) == (0, [])
    assert len(seen - {worker.pid for worker in workers}) >= 1, "another worker took its place"
    assert job.check(tmp_path / "shop", witness.read(driver.notes)) == IMAGES
    assert gone(workers)
