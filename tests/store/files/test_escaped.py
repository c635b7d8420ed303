"""Text kept reversibly, whatever bytes a file name holds."""

import os

from hypothesis import example, given
from hypothesis import strategies as st

from lookalike.store.files.escaped import escaped, escaped_array, unescaped, unescaped_list

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=[])),
    st.text(st.sampled_from(["%", "u", "D", "8", "F", "C", "\udcff", "\udc80", "\ud800", "é", "\n"])),
    st.binary().map(os.fsdecode),
)


@given(TEXTS)
@example("%uDCFF")
@example("%uuuDCFF")
@example("%u\udcff")
@example("%25")
def test_every_text_comes_back(text):
    stored = escaped(text)
    stored.encode("utf-8")
    assert unescaped(stored) == text


@given(st.lists(TEXTS | st.none()))
def test_arrays_come_back(texts):
    assert unescaped_list(escaped_array(texts)) == texts


def test_ordinary_text_is_stored_as_it_is():
    for text in ("a/b.jpg", "100%.png", "%25", "%u0041", "ünï\n", ""):
        assert escaped(text) == text
    assert escaped("a\udcff") == "a%uDCFF"
