"""Which classes look like one."""

import unicodedata
import warnings

import pytest

from lookalike.embedder.sources.class_names import ClassNames
from lookalike.store.errors import LookalikeWarning

E = "é"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (E, unicodedata.normalize("NFD", E)),
        ("cat", "Cat"),
        ("big dog", "big  dog"),
        ("cat", "cat "),
        ("cat", "\u00a0cat"),
        ("straße", "STRASSE"),
    ],
)
def test_classes_that_look_like_one_are_said_once(one, other):
    for known in ([], [one]):
        names = ClassNames(known)
        for name in (one, other, one, None, other):
            names.add(name)
        with pytest.warns(LookalikeWarning, match="are kept apart: ") as said:
            names.warn("photos")
        assert len(said) == 1 and "\n" not in str(said[0].message) and "pairs" not in str(said[0].message)


def test_others_are_not(recwarn):
    names = ClassNames(["cat", "Cat"])  # which was said when they came
    for name in ("cat", "Cat", "cats", "c at", None, "e", E):
        names.add(name)
    names.warn("photos")
    assert not recwarn.list


def test_many_are_counted():
    names = ClassNames()
    for letter in "abcdefgh":
        names.add(letter)
        names.add(letter.upper())
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        names.warn("photos")
    assert "'a' and 'A'; 'b' and 'B'; 'c' and 'C' and 5 more pairs" in str(said[0].message)


@pytest.mark.parametrize("name", ["nan", "None", "-1", "-100", "<NA>", "N/A"])
def test_what_stands_for_no_label_elsewhere_is_said_and_stays(name):
    names = ClassNames(["NULL"])  # which was said when it came
    for each in (name, "cat", name):
        names.add(each)
    with pytest.warns(
        LookalikeWarning, match=f"label '{name}' is treated as a class like any other: leave the label empty"
    ):
        names.warn("t.csv")


@pytest.mark.parametrize(
    "name", ["\u201cbig dog\u201d", "\u201ebig dog\u201c", "\u00abdog\u00bb", "'dog'", "\u2018dog\u2019"]
)
def test_quotes_that_enclose_no_cell_are_said(name, recwarn):
    names = ClassNames()
    names.add(name)
    names.warn("t.csv")
    assert "is treated as a class with the quotes" in str(recwarn[0].message) and name in str(recwarn[0].message)


def test_classes_that_people_have_are_not_doubted(recwarn):
    names = ClassNames()
    for each in ("none", "unknown", "0", "-2", "dog's", "'", "rock 'n' roll", "nancy"):
        names.add(each)
    names.warn("t.csv")
    assert not recwarn.list
