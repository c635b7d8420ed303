"""What is shown of names that a terminal, a page or a picture would obey or could not print."""

from hypothesis import given
from hypothesis import strategies as st

from lookalike.store.shown import apart, shortened, shown

# What a file name or a label can be: any code point, lone surrogates among them.
TEXTS = st.text(st.characters(codec=None, exclude_categories=()))


@given(TEXTS)
def test_what_is_shown_can_be_printed_and_encoded(text):
    safe = shown(text)
    assert safe.isprintable()
    safe.encode()
    assert shown(safe) == safe


def test_control_characters_bidi_marks_and_bytes_are_escaped():
    assert shown("a\x1b[2Jb") == "a\\x1b[2Jb"
    assert shown("a\nb\u202ec") == "a\\nb\\xe2\\x80\\xaec"
    assert shown("\udcff") == "\\xff"
    assert shown("\ud800") == "\\xed\\xa0\\x80"
    assert shown("Füße 靴") == "Füße 靴"


@given(TEXTS, st.integers(3, 40))
def test_shortened_keeps_both_ends_within_its_length(text, most):
    short, whole = shortened(text, most), shown(text)
    assert len(short) <= most
    if len(whole) <= most:
        assert short == whole
    else:
        tail = (most - 1) // 2
        head = most - 1 - tail
        assert short == f"{whole[:head]}…{whole[len(whole) - tail :]}" and 0 <= head - tail <= 1


def test_long_names_that_read_alike_when_shortened_are_numbered():
    names = ["latin-small-letter-a-with-hook", "latin-small-letter-b-with-hook", "short"]
    made = apart(names, 18)
    assert len(set(made)) == 3 and made[2] == "short" and [name[-2:] for name in made[:2]] == [" 1", " 2"]
    assert all(len(name) <= 18 for name in made)
    assert apart(["one", "two"], 18) == ["one", "two"]
