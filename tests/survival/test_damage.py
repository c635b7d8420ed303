"""A flipped bit or a missing end in any file of a whole collection is refused at its public face, never answered from.

Every use of a damaged collection either refuses, or answers what it answered before the damage, since it did not need
that file.
"""

import os
import random
import shutil

import pytest

from lookalike import Collection, cli
from lookalike.store.errors import Damaged, LookalikeError
from lookalike.store.files.manifest import manifest_path
from lookalike.store.upkeep.housekeeping import rollback
from lookalike.store.upkeep.verify import verify
from lookalike.store.version.store import Store

from .operations import unit_rows
from .whole import KINDS, kind_of

pytestmark = pytest.mark.filterwarnings("ignore::lookalike.store.errors.LookalikeWarning")  # changed since calibration

QUERIES = unit_rows(3, 77)
KEY = "key:class 2/0014.png"


class Uses:
    """Ways to use a collection through its public face; each gives a plain value."""

    def __init__(self, whole, shop) -> None:
        self.whole, self.shop = whole, shop

    def search(self, collection):
        hits = collection.search(QUERIES, k=5)
        return hits.keys(), hits.labels(), hits.scores.tolist()

    def exact(self, collection):
        return collection.search(QUERIES, k=5, exact=True).scores.tolist()

    def key(self, collection):
        return collection.search(KEY, k=3).keys()

    def image(self, collection):
        return collection.search(str(self.whole.photos / "class 2" / "0014.png"), k=3).keys()

    def classify(self, collection):
        decided = collection.classify(QUERIES)
        return decided.labels, decided.nearest, decided.distances.tolist()

    def linear(self, collection):
        decided = collection.classify(QUERIES, by="linear")
        return decided.labels, decided.nearest, decided.distances.tolist()

    def vectors(self, collection):
        return collection.vectors().to_pylist()

    def embed(self, collection):
        done = collection.embed(str(self.whole.photos), workers=1)
        return {**done, "seconds": 0}

    def remove(self, collection):
        with pytest.raises(LookalikeError, match=r"no key|damaged") as error:
            collection.remove(["nothing"])
        if isinstance(error.value, Damaged):
            raise error.value

    def rollback(self, collection):
        return rollback(collection.path, collection._view.store.version).version

    def __call__(self, name):
        with Collection.open(self.shop) as collection:
            return getattr(self, name)(collection)


ALL = ("search", "exact", "key", "image", "classify", "linear", "vectors", "embed", "remove", "rollback")
REFUSING = {
    "deleted": ("search", "vectors", "embed"),
    "heads": ("linear",),
    "instances": ("search", "key"),
    "lookups": ("key", "embed", "remove"),
    "model/encoder.json": ("image",),
    "model/encoder.safetensors": ("image",),
    "prototypes/faiss": ("classify",),
    "prototypes/parquet": ("classify",),
    "rejects": ("embed",),
    "row_maps": ("search",),
    "thresholds": ("classify", "linear"),
    "vectors": ("vectors", "rollback"),
}


@pytest.fixture
def shop(whole, tmp_path):
    return shutil.copytree(whole.shop, tmp_path / "shop", ignore=shutil.ignore_patterns("lock"))


def damages(content: bytes, chance: random.Random, flips: int, cuts: int):
    """(what was done, the damaged content): single flipped bits, and missing ends; a few at the same places always."""
    places = {0, len(content) // 2, len(content) - 1} | {chance.randrange(len(content)) for _ in range(flips - 3)}
    for place in sorted(places):
        bit = chance.randrange(8)
        yield f"bit {bit} of byte {place}", content[:place] + bytes([content[place] ^ 1 << bit]) + content[place + 1 :]
    for length in sorted({0, 1, len(content) - 1} | {chance.randrange(len(content)) for _ in range(cuts - 3)}):
        yield f"cut to {length}", content[:length]
    yield "longer", content + b"\0"


def refuse_all(whole, shop, flips, cuts):
    uses, chance = Uses(whole, shop), random.Random(0)
    sound = {name: uses(name) for name in ALL}
    with Store.open(shop) as store:
        files = [entry.file for entry in store.manifest.files()]
    assert {kind_of(file) for file in files} == set(KINDS) == set(REFUSING)
    tried = 0
    for file in files:
        path = shop / file
        content = path.read_bytes()
        for number, (what, damaged) in enumerate(damages(content, chance, flips, cuts)):
            overwrite(path, damaged)
            for name in REFUSING[kind_of(file)] if number else ALL:
                try:
                    found = uses(name)
                except Damaged as error:
                    assert file in str(error) and "\n" not in str(error)
                    continue
                assert name not in REFUSING[kind_of(file)] or needless(file, files), (file, what, name)
                assert found == sound[name], (file, what, name)
            tried += 1
        assert [name for name, problem in verify(shop) if problem] == [file]
        overwrite(path, content)
    assert {name: uses(name) for name in ALL} == sound
    return tried


def needless(file: str, files: list[str]) -> bool:
    """Whether there are several files of this kind, so that one use need not read just this one."""
    return sum(kind_of(other) == kind_of(file) for other in files) > 1


def overwrite(path, content):
    """Change a file in place, as a failing disk would."""
    with open(path, "rb+", buffering=0) as file:
        os.pwrite(file.fileno(), content, 0)
        os.ftruncate(file.fileno(), len(content))


def test_damage_to_any_file_is_refused(whole, shop):
    assert refuse_all(whole, shop, flips=5, cuts=4) > 100


@pytest.mark.long
def test_much_damage_to_any_file_is_refused(whole, shop):
    assert refuse_all(whole, shop, flips=200, cuts=40) > 2000


def refuse_manifest(shop, places, lengths):
    with Store.open(shop) as store:
        path = manifest_path(shop, store.version)
    content = path.read_bytes()
    for place in places(len(content)):
        overwrite(path, content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
        with pytest.raises(Damaged, match="rollback"):
            Collection.open(shop)
    for length in lengths(len(content)):
        overwrite(path, content[:length])
        with pytest.raises(Damaged, match="rollback"):
            Collection.open(shop)
    overwrite(path, content)
    Collection.open(shop).close()


def test_a_damaged_manifest_is_refused(shop):
    refuse_manifest(shop, lambda n: range(0, n, 37), lambda n: range(0, n, 101))


@pytest.mark.long
def test_every_byte_of_a_manifest_counts(shop):
    refuse_manifest(shop, range, range)


COMMANDS = {
    "manifest": ["info", "SHOP"],
    "instances": ["search", "SHOP", KEY],
    "lookups": ["search", "SHOP", KEY],
    "prototypes/parquet": ["classify", "SHOP", KEY],
    "heads": ["classify", "SHOP", KEY, "--by", "linear"],
    "thresholds": ["classify", "SHOP", KEY],
    "model/encoder.safetensors": ["embed", "SHOP", "more", "--workers", "1"],
    "rejects": ["embed", "SHOP", "photos", "--workers", "1"],
    "vectors": ["export", "SHOP", "OUT"],
    "deleted": ["remove", "SHOP", KEY.removeprefix("key:")],
    "row_maps": ["index", "SHOP", "--compact"],
}


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_shell_says_in_one_line_what_is_damaged(whole, shop, tmp_path, capfd, kind):
    with Store.open(shop) as store:
        files = [entry.file for entry in store.manifest.files() if kind_of(entry.file) == kind]
        files = files or [manifest_path(shop, store.version).relative_to(shop).as_posix()]
    for file in files:
        content = (shop / file).read_bytes()
        overwrite(shop / file, content[:-1] + bytes([content[-1] ^ 1]))
    named = {"SHOP": shop, "OUT": tmp_path / "out.npy", **whole._asdict()}
    assert cli.run([str(named.get(word, word)) for word in COMMANDS[kind]]) == 1
    said = capfd.readouterr()
    assert said.out == "" and said.err.startswith("lookalike: ") and said.err.count("\n") == 1
    assert "damaged" in said.err and "rollback" in said.err
    assert any(file in said.err for file in files) or kind == "manifest"
