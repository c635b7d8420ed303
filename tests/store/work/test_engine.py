"""Engines: results in order and the same wherever they are made, whatever happens to workers and drivers."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from lookalike.store.disk.lock import writer_lock
from lookalike.store.errors import Busy, LookalikeError
from lookalike.store.work.engine import opened, run

WORK = "lookalike.tests.store.work.tasks:"
DRIVER = """
import signal
from lookalike.store.work.engine import run
from lookalike.store.work.fragments import fragments
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
payloads = ({"x": i, "sleep": 30 if i > 3 else 0} for i in range(1000))
for result in run(fragments(payloads, "shop", "lookalike.tests.store.work.tasks:square"), 2):
    print(result["pid"], flush=True)
"""


def made(name: str, payloads, collection="shop"):
    return [
        {"number": number, "collection": str(collection), "work": WORK + name, "payload": payload}
        for number, payload in enumerate(payloads)
    ]


def alive(pid: int) -> bool:
    """Whether a process runs; one that ended and was not yet waited for does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def gone(pids, seconds: float = 2) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(map(alive, pids)):
        time.sleep(0.02)
    return not any(map(alive, pids))


@pytest.mark.parametrize("workers", [0, 1, 2, 3])
def test_results_come_in_order(workers):
    payloads = [{"x": x, "sleep": 0.02 * (x % 3 == 0)} for x in range(20)]
    results = list(run(made("square", payloads), workers))
    assert [result["square"] for result in results] == [x**2 for x in range(20)]
    pids = {result["pid"] for result in results}
    assert (pids == {os.getpid()}) == (workers <= 1)
    assert workers <= 1 or (1 < len(pids) <= workers and gone(pids, 0.1))


@pytest.mark.parametrize("workers", [1, 3])
def test_no_fragments_give_no_results(workers):
    assert list(run([], workers)) == []


def test_fragments_are_read_only_a_few_ahead():
    taken = []

    def source():
        for fragment in made("square", [{"x": x} for x in range(100)]):
            taken.append(fragment["number"])
            yield fragment

    results = run(source(), 2)
    for given in range(5):
        next(results)
        assert len(taken) <= given + 1 + 6
    results.close()
    assert len(taken) < 20


def test_one_process_works_only_when_asked():
    taken = []
    results = run((taken.append(f) or f for f in made("square", [{"x": 1}] * 5)), 1)
    next(results)
    assert len(taken) == 1


@pytest.mark.parametrize("text", ["a\udcff\n\0", "x" * 3_000_000], ids=["odd", "long"])
def test_any_text_of_any_length_passes(text):
    assert [result["text"] for result in run(made("echo", [{"text": text}] * 5), 2)] == [text] * 5


def test_what_the_work_prints_does_not_break_the_protocol():
    results = run(made("noisy", [{"x": x} for x in range(4)]), 2)
    assert list(results) == [{"read": "", "square": x**2} for x in range(4)]


def test_a_killed_worker_is_replaced_and_its_fragment_tried_again(tmp_path):
    payloads = [{"x": x, "times": 2 if x in (0, 3) else 0} for x in range(8)]
    results = list(run(made("killed", payloads, tmp_path), 2))
    assert [result["x"] for result in results] == list(range(8))
    assert [result["attempts"] for result in results if result["x"] in (0, 3)] == [3, 3]


@pytest.mark.parametrize("workers", [1, 2])
def test_three_failures_are_an_error(tmp_path, workers):
    with pytest.raises(LookalikeError, match=r"^fragment 0 failed 3 times, the last time: TypeError: no such thing"):
        list(run(made("raising", [{"times": 9}], tmp_path), workers))
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_two_failures_are_mended(tmp_path, workers):
    assert list(run(made("raising", [{"times": 2}], tmp_path), workers)) == [{"attempts": 3}]


def test_a_fragment_that_kills_three_workers_is_an_error_at_its_turn(tmp_path):
    results = run(made("killed", [{"x": 0, "times": 0}, {"x": 1, "times": 9}], tmp_path), 2)
    assert next(results)["x"] == 0
    with pytest.raises(LookalikeError, match=r"fragment 1 failed 3 times, .*signal 9 \(SIGKILL\)"):
        next(results)


@pytest.mark.parametrize("name", ["killed", "raising"])
def test_poison_may_stand_in(tmp_path, name):
    told = []

    def poison(fragment, reason):
        told.append((fragment["number"], reason))
        return {"rejected": fragment["number"]}

    fragments = made(name, [{"x": 0, "times": 9}], tmp_path) + made("square", [{"x": 5}], tmp_path)
    results = list(run(fragments, 2, poison=poison))
    assert results[0] == {"rejected": 0}
    assert results[1]["square"] == 25
    assert [number for number, _ in told] == [0]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_refusal_keeps_its_class_and_its_turn(workers):
    results = run(made("refusing", [{"x": x} for x in range(5)]), workers)
    assert [next(results)["x"] for _ in range(2)] == [0, 1]
    with pytest.raises(Busy, match="shop") as error:
        next(results)
    assert str(error.value) == "shop is being written by 17"


def test_workers_load_the_work_before_there_is_any(tmp_path):
    with opened(2, env={"NOTED_WHEN_LOADED": str(tmp_path)}, work=WORK + "square") as perform:
        end = time.monotonic() + 25
        while len(list(tmp_path.iterdir())) < 2 and time.monotonic() < end:
            time.sleep(0.02)
        loaded = {int(path.name) for path in tmp_path.iterdir()}
        first = {result["pid"] for result in perform(made("square", [{"x": 1}] * 8))}
        again = [result["square"] for result in perform(made("square", [{"x": x} for x in range(4)]))]
    assert len(loaded) == 2 and first <= loaded
    assert again == [0, 1, 4, 9]
    assert gone(loaded, 0.1)


def test_work_that_cannot_be_loaded_is_said_when_it_is_asked_for():
    nothing = {"number": 0, "collection": "shop", "work": "lookalike.no.such:thing", "payload": {}}
    with opened(2, work=nothing["work"]) as perform, pytest.raises(LookalikeError, match="cannot be loaded"):
        list(perform([nothing]))


def test_unknown_engines_are_refused():
    with pytest.raises(LookalikeError, match="unknown engine 'spark': use local"):
        run([], 2, engine="spark")


def test_workers_get_their_environment_and_nothing_open(tmp_path):
    (tmp_path / "shop").mkdir()
    with writer_lock(tmp_path / "shop"), open(tmp_path / "other", "w"):
        seen = list(run(made("environment", [{}] * 2), 2, env={"OMP_NUM_THREADS": "1"}))
    for each in seen:
        assert each["threads"] == "1"
        assert len(each["fds"]) <= 6, each["fds"]  # 0, 1, 2, the two pipes, and the listing itself


def test_leaving_the_results_ends_the_workers():
    results = run(made("square", [{"x": x, "sleep": 0 if x < 2 else 60} for x in range(9)]), 2)
    pids = [next(results)["pid"] for _ in range(2)]
    started = time.monotonic()
    results.close()
    assert gone(pids, 0.2)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("deadly", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_worker_outlives_its_driver(deadly):
    driver = subprocess.Popen([sys.executable, "-c", DRIVER], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    pids = {int(driver.stdout.readline()) for _ in range(4)}  # two workers, now asleep at work
    assert all(map(alive, pids))
    driver.send_signal(deadly)
    driver.communicate(timeout=25)
    assert gone(pids)
