"""An image that kills its worker is found and rejected; the others are embedded all the same."""

import os
import sys

import pytest

from lookalike.embedder.sync import embed
from lookalike.store.errors import LookalikeError
from lookalike.store.rejects import read_rejects
from lookalike.store.store import Store

# Workers import this in place of Python's own hook, before any of our code.
CRASH = """
import os, sys
import lookalike.embedder.images as images
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
    with pytest.raises(LookalikeError, match="fails with every image"):
        embed(tmp_path / "shop", str(root), model=model, workers=2)
