"""Manifests forged with fitting digests: every one is opened, or refused in one line."""

import copy

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike import Collection, LookalikeError
from lookalike.indexer.index import index
from lookalike.store.files.manifest import manifest_path, newest_version
from lookalike.store.version.store import Store
from lookalike.store.version.tables import info

from .forging import rewrite


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    path = tmp_path_factory.mktemp("forged") / "shop"
    rows = np.eye(30, 32, dtype=np.float32)
    with Collection.create(path) as made:
        made.add(rows[:20], [str(i) for i in range(20)], ["a"] * 20)
        made.add(rows[20:], [str(i) for i in range(20, 30)])
        index(path, spec="SQ8")
        made.refresh().remove(["3"])
    return path


def answers(path, change):
    """What opening and asking a forged version gives: None, or the message it is refused with."""
    newest = manifest_path(path, newest_version(path))
    whole = newest.read_bytes()
    try:
        rewrite(path, change)
        with Store.open(path) as store:
            info(store)
        return None
    except LookalikeError as error:
        return str(error)
    finally:
        newest.write_bytes(whole)


def put(*way):
    """A change that puts the last of `way` where the others lead."""

    def change(content):
        for step in way[:-2]:
            content = content[step]
        content[way[-2]] = way[-1]

    return change


def twice(content):
    content["parts"].append(copy.deepcopy(content["parts"][0]))


WRONG = {
    "a path that leads out": (put("parts", 0, "file", "vectors/../../a"), "leads out"),
    "an absolute path": (put("parts", 0, "file", "/etc/passwd"), "leads out"),
    "a manifest": (put("parts", 0, "file", "manifests/00000001.json"), "no place for a file"),
    "a negative count": (put("parts", 0, "rows", -1), "not a valid value"),
    "no rows": (put("parts", 0, "rows", 0), "0 rows"),
    "a huge count": (put("segments", 0, "rows", 2**70), "rows from"),
    "a number of 1,000 digits": (put("next_row", 10**1000), "next row is beyond all bounds"),
    "a huge dimension": (put("dim", 2**40), "dimension is"),
    "no dimension": (put("dim", None), "no dimension"),
    "a text": (put("parts", 0, "rows", "7"), "not a valid value"),
    "a part twice": (twice, "twice|overlap"),
    "parts that overlap": (put("parts", 0, "rows", 25), "parts overlap"),
    "another hash": (put("runs", 0, "file", "instances/x"), "twice|overlap|missing|x"),
    "parameters": (put("segments", 0, "parameters", {"k_factor": "x"}), "'k_factor' is 'x'"),
    "a card": (put("segments", 0, "card", {"recall": []}), "'recall' is"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_refused_in_one_line(shop, what):
    change, words = WRONG[what]
    said = answers(shop, change)
    if what == "another hash":  # the file is looked for when it is needed
        return
    assert said is not None and "\n" not in said and len(said) < 700
    assert any(word in said for word in words.split("|")), said


def places(value, way=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*way, key)
        yield from places(inner, (*way, key))


VALUES = st.one_of(
    st.integers(-(2**70), 2**70),
    st.integers(-2, 40),
    st.text(max_size=12),
    st.none(),
    st.booleans(),
    st.just([]),
    st.just({}),
)


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_change_is_opened_or_refused_in_one_line(shop, data):
    with Store.open(shop) as store:
        from lookalike.store.codec import to_plain

        every = list(places(to_plain(store.content)))
    way, value = data.draw(st.sampled_from(every)), data.draw(VALUES)
    said = answers(shop, put(*way, value))
    assert said is None or "\n" not in said


def test_the_whole_one_is_opened(shop):
    assert answers(shop, lambda content: None) is None
