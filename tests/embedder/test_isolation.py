"""One image never ends, hangs or starves a job, however large the job is and whoever decodes."""

import io
import os
import resource
import signal
import subprocess
import sys
import threading
import time

import psutil
import pytest
from PIL import Image

from lookalike.embedder import decoders, decoding_process
from lookalike.embedder.sync import embed
from lookalike.store.errors import LookalikeError
from lookalike.store.rejects import read_rejects
from lookalike.store.store import Store
from lookalike.tests.embedder.hostile import site


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """The hook of hostile.py in every process that is started."""
    decoding_process.end_idle()
    for name, value in site(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(decoders, "_worked", False)
    yield
    decoding_process.end_idle()


@pytest.fixture
def photos(tmp_path, image):
    """Thirty sound images."""
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(30):
        (root / f"{number:02d}.png").write_bytes(image(number))
    return root


def reasons(shop):
    table = read_rejects(Store.open(shop)).to_pydict()
    return dict(zip(table["key"], table["reason"], strict=True))


@pytest.mark.parametrize("workers", [1, 2])
def test_the_others_are_embedded(tmp_path, model, photos, hostile, workers):
    (photos / "07.png").write_bytes(b"HANG")
    (photos / "11.png").write_bytes(b"CRASH")
    done = embed(tmp_path / "shop", str(photos), model=model, workers=workers, timeout=2)
    assert (done["seen"], done["embedded"], done["rejected"]) == (30, 28, 2)
    found = reasons(tmp_path / "shop")
    assert found["07.png"] == "decoding took longer than 2 s" and "SIGABRT" in found["11.png"]
    again = embed(tmp_path / "shop", str(photos), workers=workers, timeout=2)
    assert (again["skipped"], again["rejected"]) == (28, 2)


def test_a_stopped_worker_is_replaced(tmp_path, model, photos, monkeypatch):
    monkeypatch.setattr("lookalike.store.heartbeat.LEAST_SILENCE", 3.0)
    stopped = []

    def stop():
        while not stopped:
            for child in psutil.Process().children():
                with_command = child.cmdline()
                if "lookalike.store.worker" in with_command:
                    child.suspend()
                    stopped.append(child.pid)
                    return
            time.sleep(0.05)

    threading.Thread(target=stop, daemon=True).start()
    done = embed(tmp_path / "shop", str(photos), model=model, workers=2, timeout=2)
    assert stopped and (done["embedded"], done["rejected"]) == (30, 0)


def bomb(side: int, mode: str = "P") -> bytes:
    """A small PNG of `side` x `side` pixels."""
    stream = io.BytesIO()
    Image.new(mode, (side, side), 1).save(stream, "PNG")
    return stream.getvalue()


def shell(*arguments, space=None, **environment):
    limit = (lambda: resource.setrlimit(resource.RLIMIT_AS, (space, space))) if space else None
    return subprocess.run(
        [sys.executable, "-P", "-m", "lookalike", *map(str, arguments)],
        capture_output=True, text=True, timeout=300, preexec_fn=limit, env={**os.environ, **environment},
    )  # fmt: skip


def test_what_does_not_fit_is_rejected_with_its_size_and_the_rest_embedded(tmp_path, model, photos):
    (photos / "07.png").write_bytes(bomb(9000))
    needed = shell("info", "nowhere").returncode and 4_000_000_000  # torch maps this much before the first image
    done = shell("embed", tmp_path / "shop", photos, "--model", model, space=needed, MALLOC_ARENA_MAX="1")
    assert done.returncode == 0, done.stderr
