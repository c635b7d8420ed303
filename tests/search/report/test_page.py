"""The page: whatever texts are, it stays well-formed, asks no network and runs no script but its own."""

import base64
import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from lookalike.search.report.page import SCRIPT, STYLE, Section, data_block, facts, paragraph, table, text, whole_page

from .conftest import NASTY, Page

TEXTS = st.one_of(st.sampled_from(NASTY), st.text(st.characters(codec=None, exclude_categories=())))


@given(TEXTS, TEXTS, TEXTS)
def test_any_text_stays_text(title, name, value):
    body = paragraph(value) + facts([(name, value)]) + table([name], [[value]]) + data_block("data", [name, value])
    html = whole_page(title, value, [Section("one", title, body)], [("two", value)])
    page = Page(html)
    page_of_plain = Page(
        whole_page(
            "t",
            "v",
            [Section("one", "t", paragraph("v") + facts([("n", "v")]) + table(["n"], [["v"]]))],
            [("two", "v")],
        )
    )
    tags = [tag for tag, _ in page.tags]
    tags.remove("script")  # the data block
    assert tags == [tag for tag, _ in page_of_plain.tags]
    html.encode()  # no lone surrogate is left


def test_control_characters_and_markup_are_shown():
    assert text('<b> & "x"\n\x00\u202e') == "&lt;b&gt; &amp; &quot;x&quot;\\n\\x00\\xe2\\x80\\xae"


def test_the_policy_names_this_style_and_this_script_and_nothing_else():
    page = Page(whole_page("t", "s", [], []))
    (policy,) = [tag["content"] for name, tag in page.tags if tag.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["img-src"] == "data:"
    inside = {tag: data for tag, data in page.texts if tag in ("style", "script")}
    assert inside == {"style": STYLE, "script": SCRIPT}
    for name, content in inside.items():
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[f"{name}-src"] == f"'sha256-{digest}'"
    assert not re.search(r"https?:|url\(h|@import|eval|innerHTML", STYLE + SCRIPT)
