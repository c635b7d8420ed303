"""The extras of the package: what `all` brings, and that messages name extras that exist, as a shell takes them."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
APART = {"cpu", "gpu", "cuvs", "all", "benchmarks", "docs"}
ROOMS = ("store", "measures", "embedder", "indexer", "search")


def named(text):
    """The extras of every lookalike[...] in a text."""
    return {name for extras in re.findall(r"lookalike\[([\w,-]+)\]", text) for name in extras.split(",")}


def test_all_brings_every_extra_but_faiss_and_what_developers_need():
    (everything,) = EXTRAS["all"]
    assert named(everything) == set(EXTRAS) - APART


def test_every_message_names_an_extra_that_exists_in_quotes():
    sources = [path.read_text() for room in ROOMS for path in (ROOT / room).rglob("*.py")] + [
        (ROOT / name).read_text() for name in ("shell/demo.py", "cli.py")
    ]
    mentioned = set()
    for text in sources:
        for line in text.splitlines():
            mentioned |= named(line)
            assert not re.search(r"pip install (?!')lookalike\[", line), line
    assert mentioned <= set(EXTRAS)
    assert {"cpu", "sql", "report", "hdf5", "pretrained", "pml"} <= mentioned
