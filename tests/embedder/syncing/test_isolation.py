"""An image that kills its worker is found and rejected; the others are embedded all the same."""

import os
import sys

import pytest

from lookalike.embedder.syncing import isolation as poison
from lookalike.embedder.syncing.sync import embed
from lookalike.store.errors import LookalikeError
from lookalike.store.version.rejects import read_rejects
from lookalike.store.version.store import Store

# Workers import this in place of Python's own hook, before any of our code.
CRASH = """
import os, sys
import lookalike.embedder.images.image as images
whole = images.prepared
def deadly(data, preprocessing):
    if isinstance(data, bytes) and data.startswith(os.environ["POISON"].encode()):
        os.kill(os.getpid(), 9)
    return whole(data, preprocessing)
images.prepared = deadly
"""


@pytest.fixture
def crashing(tmp_path, monkeypatch):
    """Make workers die of files that begin with `POISON`."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(CRASH)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.setenv("POISON", "POISON")
    # -P keeps the current folder out of the path, not PYTHONPATH.
    assert sys.executable and os.environ["PYTHONPATH"]


@pytest.fixture
def isolate(monkeypatch):
    """isolate(deadly): what becomes of 256 images, those of the numbers `deadly` failing, and the sizes that failed."""
    failed = []

    def run(pieces, workers, engine, *, env, poison):
        for piece in pieces:
            records = piece["payload"]["records"]
            if deadly_ones.isdisjoint(key for key, *_ in records):
                yield {"embedded": len(records)}
            else:
                failed.append(len(records))
                yield poison(piece, "killed")

    def isolated(deadly):
        deadly_ones.update(map(str, deadly))
        records = [[str(number), None, None, None, None, {}, -1] for number in range(256)]
        whole = {"number": 0, "collection": "c", "work": "w", "payload": {"records": records}}
        return poison.Isolation("local", {})(whole, "killed")["many"]

    deadly_ones: set[str] = set()
    monkeypatch.setattr(poison.engines, "run", run)
    return isolated, failed


def test_deadly_images_are_rejected_and_all_others_embedded(isolate):
    isolated, _ = isolate
    results = isolated(range(9, 256, 12))
    assert [key for each in results for key, *_ in each.get("rejects", [])] == [str(n) for n in range(9, 256, 12)]
    assert sum(each["embedded"] for each in results) == 256 - 21


def test_where_nothing_has_worked_failures_are_soon_enough(isolate):
    isolated, failed = isolate
    with pytest.raises(LookalikeError, match="keeps failing, even in small pieces; the last failure: killed"):
        isolated(range(256))
    assert failed == [16] + [1] * 11  # with the fragment itself one more than may fail


def test_where_some_work_more_may_fail_but_not_any_number(isolate):
    isolated, failed = isolate
    with pytest.raises(LookalikeError, match="keeps failing, also in small pieces; the last failure: killed"):
        isolated(range(0, 256, 3))
    assert len(failed) == 64


@pytest.mark.long
def test_one_deadly_image_among_many(tmp_path, model, image, crashing):
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(40):
        (root / f"{number:02d}.png").write_bytes(image(number))
    (root / "33.png").write_bytes(b"POISON")
    done = embed(tmp_path / "shop", str(root), model=model, workers=2)
    assert (done["seen"], done["embedded"], done["rejected"]) == (40, 39, 1)
    rejected = read_rejects(Store.open(tmp_path / "shop")).to_pydict()
    assert rejected["key"] == ["33.png"] and "SIGKILL" in rejected["reason"][0]


@pytest.mark.long
def test_what_fails_with_every_image_is_no_images_fault(tmp_path, model, crashing):
    root = tmp_path / "photos"
    root.mkdir()
    for number in range(3):
        (root / f"{number:02d}.png").write_bytes(b"POISON %d" % number)
    with pytest.raises(LookalikeError, match="fails for every image"):
        embed(tmp_path / "shop", str(root), model=model, workers=2)
