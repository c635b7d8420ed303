import json

import numpy as np
import pytest
from PIL import Image

from lookalike.embedder.sources import SourceOptions, from_spec, open_source
from lookalike.embedder.sources.options import patterns
from lookalike.store.errors import LookalikeError


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos" / "2019"
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "a.png")
    (tmp_path / "t.csv").write_text("path,label\nphotos/2019/a.png,cat\n")
    return tmp_path


EVERY = SourceOptions(("*.tmp", "/x"), False, True, "picture", "kind")


def test_options_come_back_from_a_description(photos):
    options = SourceOptions(("*.tmp", "/x"), labels=False, follow_links=True)
    source = open_source(photos / "photos", options)
    again = from_spec(json.loads(json.dumps(source.describe())))
    assert source.options == again.options == options
    assert [record.label for record in again.records()] == [None]
    assert SourceOptions.from_spec(EVERY.to_spec()) == EVERY


def test_the_usual_options_leave_a_description_as_it_was(photos):
    assert open_source(photos / "photos").describe() == {"kind": "folder", "root": str(photos / "photos")}
    assert from_spec({"kind": "folder", "root": str(photos / "photos")}).options == SourceOptions()


def test_an_unknown_option_in_a_description_is_refused(photos):
    with pytest.raises(LookalikeError, match="newer"):
        from_spec({"kind": "folder", "root": str(photos / "photos"), "options": {"newer": 1}})


@pytest.mark.parametrize(
    ("name", "options", "flag"),
    [
        ("photos", SourceOptions(image_column="image"), "--image-column"),
        ("photos", SourceOptions(label_column="label"), "--label-column"),
        ("t.csv", SourceOptions(exclude=("*.png",)), "--exclude"),
        ("t.csv", SourceOptions(labels=False), "--no-labels"),
        ("photos/2019/a.png", SourceOptions(exclude=("*.png",)), "--exclude"),
        ("photos/2019/a.png", SourceOptions(label_column="label"), "--label-column"),
    ],
)
def test_an_option_that_means_nothing_for_a_source_is_refused_by_name(photos, name, options, flag):
    with pytest.raises(LookalikeError, match=f"{flag} does not apply") as error:
        open_source(photos / name, options)
    assert name in str(error.value) and "\n" not in str(error.value)


def test_following_links_means_something_everywhere(photos):
    for name in ("photos", "t.csv", "photos/2019/a.png"):
        assert open_source(photos / name, SourceOptions(follow_links=True)).options.follow_links


def test_without_labels_folders_are_no_classes_but_a_table_beside_them_gives_labels(photos):
    (photos / "photos" / "b.png").write_bytes(b"")
    (photos / "photos" / "metadata.csv").write_text("file_name,label\nb.png,dog\n")
    source = open_source(photos / "photos", SourceOptions(labels=False))
    assert {record.key: record.label for record in source.records()} == {"2019/a.png": None, "b.png": "dog"}
    (photos / "photos" / "metadata.csv").unlink()


def test_the_shell_hands_every_option_over(photos, monkeypatch):
    from lookalike.cli import run
    from lookalike.embedder.syncing import vanished
    from lookalike.embedder.training import train

    opened = []

    def open_source(text, options):
        opened.append(options)
        raise LookalikeError("far enough")

    monkeypatch.setattr(vanished, "open_source", open_source)
    monkeypatch.setattr(train, "open_source", open_source)
    words = ["--exclude", "*.tmp", "--exclude", "/x", "--no-labels", "--follow-links"]
    words += ["--image-column", "picture", "--label-column", "kind"]
    at = str(photos / "photos")
    (photos / "recipe.toml").write_text("")
    assert run(["embed", str(photos / "shop"), at, *words]) == 1
    assert run(["train", str(photos / "recipe.toml"), "--out", str(photos / "model"), "--data", at, *words]) == 1
    assert run(["embed", str(photos / "shop"), at]) == 1
    assert opened == [EVERY, EVERY, SourceOptions()]


def test_one_pattern_may_be_given_as_text(photos):
    assert patterns("*.tmp") == patterns(["*.tmp"]) == ("*.tmp",)
