"""One image as a source."""

import os

import pytest

from lookalike.embedder.images.rejected import Rejected
from lookalike.embedder.sources import from_spec, open_source
from lookalike.store.errors import LookalikeError


def test_one_image_has_its_name_for_a_key(tmp_path):
    (tmp_path / "a.xyz").write_bytes(b"data")
    source = open_source(tmp_path / "a.xyz")
    (record,) = source.records()
    assert (record.key, record.label, record.size) == ("a.xyz", None, 4)
    assert from_spec(source.describe()).read(record.locator) == b"data"
    assert source.name == os.path.realpath(tmp_path / "a.xyz")


def test_a_fifo_and_a_dangling_link_are_rejected_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link.jpg").symlink_to("nowhere")
    for name, words in (("fifo", "not a regular file"), ("link.jpg", "dangling link")):
        source = open_source(tmp_path / name)
        (record,) = source.records()
        with pytest.raises(Rejected, match=words):
            source.read(record.locator)


def test_a_kind_of_a_later_version_is_refused():
    with pytest.raises(
        LookalikeError, match="unknown kind of source 'web': this version knows folder, table, idx, single"
    ):
        from_spec({"kind": "web", "url": "x"})
