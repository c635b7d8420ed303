"""Cutting, and what a fragment may name."""

import pytest

from lookalike.store.errors import LookalikeError
from lookalike.store.work.fragments import Fragment, cut, fragments, perform, resolve


@pytest.mark.parametrize(("n", "sizes"), [(0, []), (1, [1]), (4, [2, 2]), (5, [2, 2, 1])])
def test_cut_keeps_everything_in_order(n, sizes):
    pieces = list(cut(range(n), 2))
    assert [len(piece) for piece in pieces] == sizes
    assert [x for piece in pieces for x in piece] == list(range(n))


def test_cut_reads_nothing_ahead():
    source = iter(range(10))
    next(cut(source, 3))
    assert next(source) == 3


def test_fragments_are_numbered():
    assert list(fragments([{"a": 1}], "shop", "w")) == [
        Fragment(number=0, collection="shop", work="w", payload={"a": 1})
    ]


@pytest.mark.parametrize(
    "work",
    [
        "os:system",
        "lookalike.store.work.fragments",
        "lookalike:store",
        "lookalikes.x:y",
        "lookalike.store.work.fragments:no",
        "lookalike.nothing:no",
        "lookalike.store.work.fragments:json.loads",
        "lookalike.store.work.pool:ATTEMPTS",
        "",
    ],
)
def test_only_functions_of_this_package_are_loaded(work):
    with pytest.raises(LookalikeError, match="work"):
        resolve(work)


def test_perform_adds_collection_and_number():
    work = "lookalike.tests.store.work.tasks:square"
    fragment = Fragment(number=7, collection="shop", work=work, payload={"x": 3})
    assert perform(fragment) | {"pid": 0} == {"square": 9, "number": 7, "pid": 0}
