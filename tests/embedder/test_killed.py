"""An embed that is told to stop, or killed, leaves a collection that opens, no worker, and loses nothing committed."""

import signal
import subprocess
import sys
import time

import pytest

from lookalike.embedder.syncing.sync import embed
from lookalike.store.version.store import Store

RUN = """
import sys
import lookalike.embedder.syncing.driver as driver
from lookalike.embedder.syncing.sync import embed
driver.COMMIT_SECONDS = 0
embed(*sys.argv[1:3], model=sys.argv[3], workers=2, progress=lambda done, *_: print(done, flush=True))
"""


def workers_of(driver):
    """The worker processes that a driver has started and that still run."""
    processes = subprocess.run(["ps", "-A", "-o", "args="], check=True, capture_output=True, text=True).stdout
    return [line for line in processes.splitlines() if f"-m lookalike.store.work.worker {driver} " in f"{line} "]


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_stopped_run_leaves_no_worker_and_the_next_completes_it(tmp_path, model, image, number):
    root = tmp_path / "photos"
    root.mkdir()
    for each in range(600):
        (root / f"{each:03d}.png").write_bytes(image(each))
    shop = tmp_path / "shop"
    command = [sys.executable, "-c", RUN, str(shop), str(root), str(model)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as driver:
        acknowledged = 0
        while acknowledged < 64:
            acknowledged = int(driver.stdout.readline())
        assert workers_of(driver.pid)
        driver.send_signal(number)
        started = time.monotonic()
        driver.wait(10)
        assert driver.returncode != 0
    while workers_of(driver.pid) and time.monotonic() - started < 10:
        time.sleep(0.1)
    assert not workers_of(driver.pid)
    kept = Store.open(shop).rows
    assert kept >= acknowledged
    done = embed(shop, str(root))
    assert done["skipped"] == kept and done["embedded"] == 600 - kept
    assert Store.open(shop).rows == 600
