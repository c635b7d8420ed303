"""Names of further columns that SQL tells apart, whichever source they come from."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lookalike.store.version.extra_names import RESERVED, asked_names, folded, stored_names

_NAMES = st.lists(
    st.sampled_from(["Price", "price", "PRICE", "source_price", "Source", "source", "key", "Width", "É", "é", "", "ſ"])
    | st.text(max_size=3),
    unique=True,
    max_size=8,
)  # fmt: skip


@pytest.mark.parametrize(
    ("names", "held", "expected"),
    [
        (["price"], [], ["price"]),
        (["Price", "price"], [], ["Price", "source_price"]),
        (["price", "Price", "PRICE"], [], ["price", "source_Price", "source_source_PRICE"]),
        (["Source", "Width", "LABEL", "Key"], [], ["source_Source", "source_Width", "source_LABEL", "source_Key"]),
        (["width", "source_width"], [], ["source_source_width", "source_width"]),
        (["WIDTH", "Source_Width"], [], ["source_source_WIDTH", "Source_Width"]),
        (["price"], ["Price"], ["Price"]),
        (["price", "Price"], ["Price"], ["source_price", "Price"]),
        (["Price", "price"], ["price", "source_Price"], ["source_Price", "price"]),
        (["Source"], ["Source"], ["source_Source"]),  # which an older version stored
        (["É", "é"], [], ["É", "é"]),
        ([""], [], ["source_"]),
    ],
)
def test_names_that_are_taken_get_others(names, held, expected):
    assert stored_names(names, held) == expected


@given(_NAMES, _NAMES)
def test_stored_names_are_apart_and_stay_what_they_are(names, held):
    stored = stored_names(names, held)
    every = [folded(name) for name in [*stored, *RESERVED]]
    assert len(set(every)) == len(every) and "" not in stored
    assert stored_names(stored) == stored
    assert stored_names(names, [*held, *stored]) == stored


def test_names_are_folded_as_duckdb_does():
    letters = [*map(chr, range(33, 127)), *"ÀéßıİſKΣςσǅﬁĳ", "größe", "STRASSE", "e\u0301"]
    with duckdb.connect() as connection:
        for name in letters:
            for other in {name.upper(), name.lower(), name.casefold(), name.swapcase()} - {name}:
                connection.register("images", pa.table([[1], [2]], names=[name, other]))
                apart = connection.table("images").columns == [name, other]
                assert apart == (folded(name) != folded(other)), (name, other)
                connection.unregister("images")


def test_what_an_older_version_left_is_asked_by_other_names():
    columns = ["row", "key", "source", "Source", "Price", "price", "source_price"]
    assert asked_names(columns) == [
        "row",
        "key",
        "source",
        "source_Source",
        "Price",
        "source_source_price",
        "source_price",
    ]
    assert asked_names(["row", *RESERVED[:3], "colour"]) == ["row", *RESERVED[:3], "colour"]
