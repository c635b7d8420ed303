"""One image never ends, hangs or starves a job, however large the job is and whoever decodes."""

import errno
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import psutil
import pytest
from PIL import Image

from lookalike.embedder.encoders.encode import encode_images, encode_source
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.images.image import How
from lookalike.embedder.images.preprocessing import Preprocessing
from lookalike.embedder.images.processes import decoders
from lookalike.embedder.images.processes import process as decoding_process
from lookalike.embedder.images.processes.needs import needs_of
from lookalike.embedder.sources import RawPixels, open_source
from lookalike.embedder.syncing.sync import embed
from lookalike.embedder.training.training_set import read_training_set
from lookalike.store.errors import LookalikeError
from lookalike.store.version.rejects import read_rejects
from lookalike.store.version.store import Store
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
    monkeypatch.setattr("lookalike.store.work.heartbeat.LEAST_SILENCE", 3.0)
    stopped = []

    def stop():
        while not stopped:
            for child in psutil.Process().children():
                with_command = child.cmdline()
                if "lookalike.store.work.worker" in with_command:
                    child.suspend()
                    stopped.append(child.pid)
                    return
            time.sleep(0.05)

    threading.Thread(target=stop, daemon=True).start()
    done = embed(tmp_path / "shop", str(photos), model=model, workers=2, timeout=2)
    assert stopped and (done["embedded"], done["rejected"]) == (30, 0)


@pytest.fixture
def narrow(monkeypatch):
    """Processes that decode with 350 MB of address space each."""
    decoding_process.end_idle()
    limited = ["sh", "-c", 'ulimit -v 350000; exec "$@"', "sh", *decoding_process._COMMAND]
    monkeypatch.setattr(decoding_process, "_COMMAND", limited)
    yield
    decoding_process.end_idle()


def bomb(mode: str, kind: str, width: int, height: int, **options: object) -> bytes:
    """A small file of many pixels."""
    stream = io.BytesIO()
    Image.new(mode, (width, height)).save(stream, kind, **options)
    return stream.getvalue()


def lossless(width: int, height: int) -> bytes:
    """The beginning of a WebP of that size."""
    head = b"\x2f" + (width - 1 | height - 1 << 14).to_bytes(4, "little")
    return b"RIFF" + (100).to_bytes(4, "little") + b"WEBPVP8L" + (80).to_bytes(4, "little") + head + bytes(76)


BOMBS = {
    "palette.png": bomb("P", "PNG", 9500, 9500),
    "cmyk.tif": bomb("CMYK", "TIFF", 9000, 5000, compression="tiff_lzw"),
    "float.tif": bomb("F", "TIFF", 9000, 5000, compression="tiff_lzw"),
    "frames.gif": bomb("P", "GIF", 9500, 9500),
    "lossless.webp": lossless(9500, 9500),
}


def test_what_does_not_fit_is_rejected_with_its_size_and_what_is_free(tmp_path, model, photos, narrow):
    for name, data in BOMBS.items():
        assert len(data) < 2_000_000
        (photos / name).write_bytes(data)
    (photos / "fits.png").write_bytes(bomb("P", "PNG", 3000, 2000))
    done = embed(tmp_path / "shop", str(photos), model=model, workers=1)
    assert (done["seen"], done["embedded"], done["rejected"]) == (36, 31, 5)
    for key, reason in reasons(tmp_path / "shop").items():
        assert re.fullmatch(
            r"9\d00 x (9500|5000) pixels would take \S+ [MG]B to decode, and \S+ MB are free", reason
        ), key


def test_a_worker_sends_what_is_large_to_a_process_of_its_own(image, narrow, monkeypatch):
    monkeypatch.setattr(decoders, "free_memory", lambda: 400 << 20)
    monkeypatch.setattr(decoders.images, "prepared_as", lambda data, how: pytest.fail("decoded here"))
    how = decoders.for_encoder(Preprocessing(8, 3, (0.5,) * 3, (0.25,) * 3))
    found = list(decoders.decoded([BOMBS["palette.png"], bomb("L", "PNG", 3000, 3500)], how, apart=False))
    assert "9500 x 9500 pixels would take" in found[0].reason and found[1].width == 3000


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_lack_of_our_own_is_no_images_fault(tmp_path, model, photos, monkeypatch, number):
    embed(tmp_path / "shop", str(photos), model=model)
    opened = os.open

    def lacking(path, *rest, **more):
        if str(path).endswith("new.png"):
            raise OSError(number, os.strerror(number))
        return opened(path, *rest, **more)

    (photos / "new.png").write_bytes((photos / "00.png").read_bytes())
    monkeypatch.setattr(os, "open", lacking)
    with pytest.raises(LookalikeError, match=r"cannot read images: .*(ulimit -n|this machine|no more memory)"):
        embed(tmp_path / "shop", str(photos))
    assert reasons(tmp_path / "shop") == {}


def test_an_encoder_without_memory_ends_the_job_and_rejects_nothing(tmp_path, model, photos, monkeypatch):
    said = (
        "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
    )
    for error in (RuntimeError(said), MemoryError(), np._core._exceptions._ArrayMemoryError((9, 9), np.dtype("f4"))):
        monkeypatch.setattr(Encoder, "_forward", lambda self, images, e=error: (_ for _ in ()).throw(e))
        with pytest.raises(LookalikeError, match=r"not enough memory .*--workers 1"):
            embed(tmp_path / "shop", str(photos), model=model, workers=1)
    assert not (tmp_path / "shop").exists()  # no reject was worth a collection


def test_a_sound_image_without_room_for_it_is_the_jobs_failure(tmp_path, model, photos, monkeypatch):
    monkeypatch.setattr("lookalike.embedder.sources.files._all", lambda *_: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(LookalikeError, match=r"not enough memory to read an image of 1\.\d KB"):
        embed(tmp_path / "shop", str(photos), model=model, workers=1)
    assert not (tmp_path / "shop").exists()


def test_reading_takes_no_more_room_than_the_file(tmp_path, photos):
    script = """
import resource, sys
from lookalike.embedder.sources.files import read_file
from lookalike.store.disk.memory import space_taken
most = space_taken() + (64 << 20)
resource.setrlimit(resource.RLIMIT_AS, (most, most))
assert read_file(sys.argv[1]) == open(sys.argv[1], "rb").read()
assert b"VmSize" in read_file("/proc/self/status")
"""
    done = subprocess.run([sys.executable, "-P", "-c", script, str(photos / "00.png")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("kind", "options"), [("RGB", {}), ("RGB", {"lossless": True}), ("RGBA", {"lossless": True})])
def test_a_webp_says_its_size_before_it_is_opened(kind, options):
    needs = needs_of(bomb(kind, "WEBP", 301, 77, **options), How(side=8))
    assert needs[1:] == (301, 77) and needs.bytes == 301 * 77 * 23


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_an_interrupt_while_an_image_hangs_ends_within_seconds(tmp_path, model, photos, hostile, workers):
    (photos / "07.png").write_bytes(b"HANG")
    shop = tmp_path / "shop"
    command = [sys.executable, "-P", "-m", "lookalike", "embed", shop, photos, "--model", model, "--workers", workers]
    process = subprocess.Popen([str(word) for word in command], stderr=subprocess.PIPE, text=True)
    tree, until = psutil.Process(process.pid), time.monotonic() + 120
    while len(tree.children()) < workers or not (shop / "model").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(1)
    children = tree.children(recursive=True)
    process.send_signal(signal.SIGTERM)
    before = time.monotonic()
    assert process.wait(60) == 130 and "interrupted" in process.stderr.read()
    assert time.monotonic() - before < 10
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_training_and_asking_go_on_without_the_image(tmp_path, model, photos, hostile, monkeypatch, image):
    monkeypatch.setenv("LOOKALIKE_TIMEOUT", "2")
    embed(tmp_path / "shop", str(photos), model=model)
    for number in range(8):
        folder = tmp_path / f"labelled/{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(image(number))
    (tmp_path / "labelled/0/hang.png").write_bytes(b"HANG")
    (tmp_path / "labelled/1/crash.png").write_bytes(b"CRASH")
    encoder = Encoder.load(model)
    found = encode_source(encoder, open_source(tmp_path / "labelled"))
    assert (found.rejected, sorted(found.keys)) == (2, sorted(f"{n % 2}/{n}.png" for n in range(8)))
    trained_on = read_training_set(open_source(tmp_path / "labelled"), encoder.preprocessing, tmp_path)
    assert (trained_on.rejected, len(trained_on.images)) == (2, 8)
    answers = encode_images(encoder, [tmp_path / "labelled/0/hang.png", photos / "00.png"])
    assert str(answers[0]).endswith("hang.png' is not a readable image: decoding took longer than 2 s")
    assert answers[1].shape == (16,)


def test_pixels_that_do_not_fit_are_rejected_too(monkeypatch):
    how = decoders.for_encoder(Preprocessing(8, 1, (0.5,), (0.25,)))
    monkeypatch.setattr(decoders, "free_memory", lambda: 20 << 20)
    items = [Image.new("L", (4000, 4000)), RawPixels(np.zeros((4000, 4000), np.uint8)), Image.new("L", (40, 40))]
    large, raw, small = decoders.decode(items, how)
    assert re.fullmatch(r"4000 x 4000 pixels would take \d+ MB to decode, and 21 MB are free", large.reason)
    assert "4000 x 4000 pixels" in raw.reason and small.width == 40


@pytest.mark.parametrize("value", ["soon", "0", "-1", "nan", "inf"])
def test_a_deadline_that_is_none_is_refused_by_its_value(tmp_path, model, photos, monkeypatch, value):
    monkeypatch.setenv("LOOKALIKE_TIMEOUT", value)
    with pytest.raises(LookalikeError, match=f"LOOKALIKE_TIMEOUT is '{value}': it must be a number of seconds above 0"):
        embed(tmp_path / "shop", str(photos), model=model)
    monkeypatch.delenv("LOOKALIKE_TIMEOUT")
    if value != "soon":
        with pytest.raises(LookalikeError, match=r"timeout is .*: it must be a number of seconds above 0"):
            embed(tmp_path / "shop", str(photos), model=model, timeout=float(value))
