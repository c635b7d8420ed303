"""The pages' commands and Python are run on real images, and print what the pages show."""

import re
import shutil
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from lookalike.shell import demo

from ..conftest import lacking
from .pages import PAGES, ROOT, blocks, commands, form, printed_by, printed_by_python, same

README = ROOT / "README.md"
SAVED = {"sort.py": "sys.stdin"}
"""Python that a page asks to be saved under a name, told by what it contains."""


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """photos/, labelled/, test/ and new/, and what the README's first hour leaves there: a model and a collection."""
    if find_spec("matplotlib") is None:
        lacking("matplotlib is not installed")
    root = tmp_path_factory.mktemp("pages")
    demo.write_images(root, demo.DATASETS["digits"])
    for purpose, folder in (("train", "photos"), ("calibrate", "labelled"), ("known", "test")):
        (root / "images" / purpose).rename(root / folder)
    for unknown in (root / "images" / "unknown").iterdir():
        unknown.rename(root / "test" / unknown.name)
    (root / "new").mkdir()
    shutil.copy(root / "photos" / "2" / "00436.png", root / "new" / "a copy.png")
    with Image.open(root / "test" / "8" / "00008.png") as picture:
        ImageOps.invert(picture).save(root / "new" / "other.png")
    (root / "new" / "broken.png").write_bytes(b"<html>")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("XDG_CACHE_HOME", str(root / "cache"))
        differences = list(run(README, root))
    shutil.copytree(root / "shop", root / "first hour")
    (root / "differences.txt").write_text("\n".join(differences))
    return root


def run(page: Path, folder: Path):
    """Run a page in `folder`, and yield where it prints something else than it shows."""
    names: dict = {}
    for (kind, content), (after, shown) in pairwise([*blocks(page), ("", "")]):
        if kind == "console":
            for command, output in commands(content):
                printed = printed_by(command, folder)
                if not same(output, printed):
                    yield f"$ {command}\n{printed}--- but {page.name} shows\n{output}"
        elif kind == "python":
            saved = next((name for name, mark in SAVED.items() if mark in content), None)
            if saved:
                (folder / saved).write_text(content)
                continue
            printed = printed_by_python(content, names)
            if not same(shown if after == "text" else "", printed):
                yield f"{content}printed\n{printed}--- but {page.name} shows\n{shown}"


def test_the_first_hour_prints_what_the_readme_shows(desk):
    assert (desk / "differences.txt").read_text() == ""


@pytest.mark.parametrize(
    "page", [page for page in PAGES if page != README and blocks(page)], ids=lambda page: page.name
)
def test_a_page_prints_what_it_shows(desk, monkeypatch, page):
    if "| jq " in page.read_text() and shutil.which("jq") is None:
        lacking("jq is not installed")
    monkeypatch.chdir(desk)
    shutil.rmtree("shop")
    shutil.copytree("first hour", "shop")
    assert "\n".join(run(page, desk)) == ""


def test_the_comparison_sees_other_words_and_other_counts():
    assert same("980 embedded (0.5 s)\n", "980 embedded (4.1 s)\n")
    assert not same("980 embedded (0.5 s)\n", "980 rejected (0.5 s)\n")
    assert same("a\n...\nd\n", "a\nb\nc\nd\n") and not same("a\n...\nd\n", "a\nb\nc\n")
    assert same("source ...: 3 images\n", "source /tmp/x: 3 images\n")
    assert not same("source ...: 3 images\n", "source /tmp/x: 4 images\n")
    assert not same("1 removed\n", "") and form("a   0.25") == "a #"


def test_links_between_pages_lead_somewhere():
    for page in [*PAGES, ROOT / "CONTRIBUTING.md"]:
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / link).exists(), f"{page.name} links to {link}"
