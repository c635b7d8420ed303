"""Whatever an image does to its decoder, that image alone is rejected, and the others come in their order."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from PIL import Image

from lookalike.embedder.images.image import How, Prepared, prepared
from lookalike.embedder.images.preprocessing import Preprocessing
from lookalike.embedder.images.processes import decoders
from lookalike.embedder.images.processes import process as decoding_process
from lookalike.embedder.images.processes.decoders import decode, decoded, for_encoder
from lookalike.embedder.images.rejected import Rejected
from lookalike.embedder.sources import RawPixels
from lookalike.store.errors import LookalikeError
from lookalike.tests.embedder.hostile import site

SMALL = Preprocessing(8, 1, (0.5,), (0.25,))


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Processes of their own for the test, with the hook in them."""
    decoding_process.end_idle()
    for name, value in site(tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(decoders, "_worked", False)
    yield
    decoding_process.end_idle()


def outcomes(items, **options):
    return list(decoded(items, for_encoder(SMALL), **options))


def test_every_kind_of_item_gives_what_it_gives_here_in_its_order(image):
    picture = Image.new("L", (20, 30), 90)
    raw = RawPixels(np.arange(64, dtype=np.uint8).reshape(8, 8))
    no = Rejected("read", "no such file")
    items = [image(0), raw, no, picture, *(image(n, "JPEG") for n in range(60)), b"", b"<html>"]
    found = decode(items, for_encoder(SMALL))
    assert found[2].reason == "no such file"
    assert [each.reason for each in found[-2:]] == ["empty file", "markup, not an image"]
    for item, outcome in zip(items[:2] + items[3:-2], found[:2] + found[3:-2], strict=True):
        expected = prepared(item, SMALL)
        assert isinstance(outcome, Prepared) and outcome[1:] == expected[1:]
        np.testing.assert_array_equal(outcome.pixels, expected.pixels)


def test_a_picture_for_people_keeps_its_shape(image):
    (found,) = decode([image(3)], How(side=12))
    assert found.pixels.shape == (10, 12, 3) and (found.width, found.height) == (24, 20)


def test_hostile_images_are_rejected_and_all_others_decoded(hostile, image):
    items = [image(n) for n in range(40)]
    items[3], items[17], items[39] = b"HANG", b"CRASH", b"HANG again"
    found = outcomes(items, seconds=1.5)
    assert [n for n, each in enumerate(found) if isinstance(each, Rejected)] == [3, 17, 39]
    assert found[3].reason == found[39].reason == "decoding took longer than 1.5 s"
    assert found[17].reason == "decoding it ended its process by signal 6 (SIGABRT)" and found[17].stage == "decode"


def test_a_decoder_that_takes_all_memory_is_stopped_in_time(hostile, image, monkeypatch):
    monkeypatch.setattr(decoding_process, "_COMMAND", ["prlimit", "--as=700000000", *decoding_process._COMMAND])
    found = outcomes([image(1), b"HUNGRY", image(2)], seconds=60)
    assert "takes more memory than the" in found[1].reason and "that are free" in found[1].reason
    assert isinstance(found[0], Prepared) and isinstance(found[2], Prepared)


def test_a_process_that_is_stopped_is_replaced(image):
    decoding_process.end_idle()
    items, stopped = [image(n) for n in range(200)], []

    def stop():
        stopped.append(decoding_process._idle[-1]._process.pid)
        os.kill(stopped[0], signal.SIGSTOP)

    outcomes(items[:1])
    stop()
    found = outcomes(items, seconds=1)
    assert all(isinstance(each, Prepared) for each in found)


def test_one_that_is_stopped_while_it_starts_is_replaced_within_the_deadline(image):
    decoding_process.end_idle()
    decoding_process.start_early()
    os.kill(decoding_process._idle[-1]._process.pid, signal.SIGSTOP)
    before = time.monotonic()
    assert isinstance(outcomes([image(0)], seconds=1)[0], Prepared)
    assert time.monotonic() - before < decoders._START / 2


def test_tiny_images_are_not_worth_a_second_process(image, monkeypatch):
    monkeypatch.setattr(decoders, "cores", lambda: 4)
    run = decoders._Run([image(n) for n in range(64)], for_encoder(SMALL), 60, True, None)
    assert run.count == 1
    run = decoders._Run([bytes(1 << 16) for _ in range(64)], for_encoder(SMALL), 60, True, None)
    assert run.count == 4
    run = decoders._Run([bytes(1 << 20)], for_encoder(SMALL), 60, True, None)
    assert run.count == 1


def test_where_nothing_is_ever_decoded_the_images_are_not_to_blame(hostile):
    with pytest.raises(LookalikeError, match=r"fails for every image; the last process ended with signal 6"):
        outcomes([b"CRASH %d" % n for n in range(3)])


def test_one_or_two_deadly_images_alone_are_rejected(hostile):
    assert all(isinstance(each, Rejected) for each in outcomes([b"CRASH 1", b"CRASH 2"]))


def test_an_idle_process_that_was_killed_is_replaced(image):
    outcomes([image(0)])
    for process in decoding_process._idle:
        os.kill(process._process.pid, signal.SIGKILL)
        process._process.wait()
    assert isinstance(outcomes([image(1)])[0], Prepared)


def test_an_interrupt_while_a_process_starts_prints_nothing_of_it(image, capfd):
    decoding_process.end_idle()
    for wait in (0.0, 0.05, 0.15):
        decoding_process.start_early()
        time.sleep(wait)
        os.kill(decoding_process._idle[-1]._process.pid, signal.SIGINT)  # as Ctrl-C reaches it
        assert isinstance(outcomes([image(0)])[0], Prepared)
        decoding_process.end_idle()
    assert capfd.readouterr().err == ""
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


def test_an_interrupt_while_waiting_leaves_at_once_and_ends_the_process(hostile, image):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    before = time.monotonic()
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        outcomes([image(0), b"HANG"], seconds=600)
    assert time.monotonic() - before < 30
    assert isinstance(outcomes([image(1)])[0], Prepared)
