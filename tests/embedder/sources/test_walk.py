"""Links that are followed, and those that are not."""

import pytest

from lookalike.embedder.images.rejected import Rejected
from lookalike.embedder.sources import SourceOptions, from_spec, open_source
from lookalike.embedder.sources.files import LINK_OUT, LINK_TO_FOLDER


@pytest.fixture
def linked(tmp_path):
    """A folder with links to a file, to a class folder, to itself and between two folders; and what lies outside."""
    root, outside = tmp_path / "root", tmp_path / "outside"
    (outside / "dog" / "deep").mkdir(parents=True)
    (root / "cat").mkdir(parents=True)
    (root / "cat/a.jpg").write_bytes(b"a")
    (outside / "blob").write_bytes(b"b")
    (outside / "dog/c.jpg").write_bytes(b"c")
    (outside / "dog/deep/d.jpg").write_bytes(b"d")
    (outside / "dog/back").symlink_to(outside)
    (root / "cat/b.jpg").symlink_to(outside / "blob")
    (root / "cat/up").symlink_to("..")
    (root / "dog").symlink_to(outside / "dog")
    (root / "loop.jpg").symlink_to("loop.jpg")
    (root / "dangling.jpg").symlink_to("nowhere.jpg")
    return root


def read(source):
    """The content, or the reason why there is none, of each record."""
    found = {}
    for record in source.records():
        try:
            found[record.key] = source.read(record.locator)
        except Rejected as rejected:
            found[record.key] = rejected.reason
    return found


def test_links_are_followed_anywhere_but_round_in_circles(linked):
    source = open_source(linked, SourceOptions(follow_links=True))
    expected = {
        "cat/a.jpg": b"a", "cat/b.jpg": b"b", "cat/up": "link loop", "dog/c.jpg": b"c", "dog/deep/d.jpg": b"d",
        "dog/back/blob": b"b", "dog/back/dog": "link loop", "loop.jpg": "link loop", "dangling.jpg": "dangling link",
    }  # fmt: skip
    assert read(source) == read(from_spec(source.describe())) == expected
    assert {record.key: record.label for record in source.records()}["dog/deep/d.jpg"] == "dog"


def test_without_the_option_links_out_and_to_folders_are_rejected(linked):
    assert read(open_source(linked)) == {
        "cat/a.jpg": b"a", "cat/b.jpg": LINK_OUT, "cat/up": LINK_TO_FOLDER, "dog": LINK_OUT,
        "loop.jpg": "link loop", "dangling.jpg": "dangling link",
    }  # fmt: skip


def test_one_folder_reached_by_two_links_is_entered_twice(tmp_path):
    (tmp_path / "store").mkdir()
    (tmp_path / "store/a.jpg").write_bytes(b"a")
    (tmp_path / "root").mkdir()
    for name in ("one", "two"):
        (tmp_path / "root" / name).symlink_to(tmp_path / "store")
    source = open_source(tmp_path / "root", SourceOptions(follow_links=True))
    assert read(source) == {"one/a.jpg": b"a", "two/a.jpg": b"a"}
