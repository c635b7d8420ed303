"""A folder's records against what a plain walk finds, and every odd thing a folder can hold."""

import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedder.images.rejected import Rejected
from lookalike.embedder.sources import SourceOptions, from_spec, open_source
from lookalike.embedder.sources.files import IMAGE_EXTENSIONS
from lookalike.store.errors import LookalikeError, LookalikeWarning


def made(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode("utf-8", "surrogateescape"))
    return root


def labels(source):
    return {record.key: record.label for record in source.records()}


def reason(source, key):
    record = {r.key: r for r in source.records()}[key]
    with pytest.raises(Rejected) as caught:
        source.read(record.locator)
    assert caught.value.stage == "read"
    return caught.value.reason


def test_class_folders_give_labels_and_other_files_are_counted(tmp_path):
    made(tmp_path, "cat/a.jpg", "cat/deep/b.PNG", "dog/c", "top.webp", "dog/notes.txt", "cat/.hidden.jpg", ".git/x.jpg")
    source = open_source(tmp_path)
    assert labels(source) == {"cat/a.jpg": "cat", "cat/deep/b.PNG": "cat", "dog/c": "dog", "top.webp": None}
    assert source.ignored == 3
    assert source.name == os.path.realpath(tmp_path)


def test_without_class_folders_there_are_no_labels(tmp_path):
    source = open_source(made(tmp_path, "a.jpg", "b.jpg"))
    assert labels(source) == {"a.jpg": None, "b.jpg": None}


def test_a_collection_among_the_images_is_none_of_them(tmp_path):
    from lookalike.store.version.store import Store

    made(tmp_path, "a.png")
    Store.create(tmp_path / "shop").close()
    source = open_source(tmp_path)
    assert [record.key for record in source.records()] == ["a.png"]
    assert source.ignored == 1


def test_records_carry_size_and_mtime_and_are_read_again_from_the_spec(tmp_path):
    made(tmp_path, "cat/a.jpg")
    os.utime(tmp_path / "cat/a.jpg", ns=(5, 1_234_567_890_123_456_789))
    (record,) = open_source(tmp_path).records()
    assert (record.size, record.mtime_ns) == (9, 1_234_567_890_123_456_789)
    assert from_spec(open_source(tmp_path).describe()).read(record.locator) == b"cat/a.jpg"


def test_metadata_overrides_labels_and_adds_columns(tmp_path):
    made(tmp_path, "cat/a.jpg", "cat/b.jpg", "cat/c.jpg")
    text = "file_name,label,colour\ncat/a.jpg,dog,red\n./cat/b.jpg,,\nmissing.jpg,dog,blue\n"
    (tmp_path / "metadata.csv").write_text(text)
    source = open_source(tmp_path)
    assert labels(source) == {"cat/a.jpg": "dog", "cat/b.jpg": None, "cat/c.jpg": "cat", "missing.jpg": "dog"}
    extra = {record.key: record.extra for record in source.records()}
    assert extra["cat/a.jpg"] == {"colour": "red"} and extra["cat/b.jpg"] == {"colour": None}
    assert source.extra_types == {"colour": "string"} and source.ignored == 0
    assert "metadata.csv" in reason(source, "missing.jpg")


def test_metadata_without_labels_keeps_the_folders(tmp_path):
    made(tmp_path, "cat/a.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,text\ncat/a.jpg,hello\n")
    assert labels(open_source(tmp_path)) == {"cat/a.jpg": "cat"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name,label\na.jpg,x\n", "no column file_name"),
        ("file_name,label\na.jpg,x\na.jpg,y\n", "line 3: file_name 'a.jpg' occurs twice"),
        ("file_name,label\n../a.jpg,x\n", "line 2: file_name '../a.jpg'"),
        ("file_name,label\na.jpg\n", "line 2 has 1 cells for 2 columns"),
        ("file_name,file_name\na.jpg,b.jpg\n", "twice"),
    ],
)
def test_bad_metadata_is_refused_in_one_line(tmp_path, text, words):
    made(tmp_path, "a.jpg")
    (tmp_path / "metadata.csv").write_text(text)
    with pytest.raises(LookalikeError, match=words) as caught:
        list(open_source(tmp_path).records())
    assert "\n" not in str(caught.value)


ALPHABETS = [f"{alphabet}/{character}/{n}.png" for alphabet in "vwxyz" for character in "ab" for n in range(2)]


def test_class_folders_of_folders_alone_are_said_to_give_the_labels_once(tmp_path):
    source = open_source(made(tmp_path, *ALPHABETS, "top.png"))
    with pytest.warns(LookalikeWarning) as said:
        found = [labels(source), labels(source), dict(zip(labels(source), source.labels(), strict=True))]
    assert found == [{name: name[0] if "/" in name else None for name in sorted([*ALPHABETS, "top.png"])}] * 3
    (warning,) = said
    assert "the labels are the names of the outer folders ('v', 'w', 'x' and 2 more)" in str(warning.message)
    assert repr(os.path.realpath(tmp_path / "v")) in str(warning.message) and "metadata.csv" in str(warning.message)
    assert "\n" not in str(warning.message)


def test_nothing_is_said_where_the_labels_can_be_meant(tmp_path):
    mixed = open_source(made(tmp_path / "mixed", *ALPHABETS, "z/1.png"))
    inner = open_source(tmp_path / "mixed" / "v")
    told = open_source(made(tmp_path / "told", *ALPHABETS))
    text = "".join(f"{name},{name[:3]}\n" for name in ALPHABETS)
    (tmp_path / "told" / "metadata.csv").write_text("file_name,label\n" + text)
    assert set(labels(mixed).values()) == set("vwxyz")  # a warning would fail
    assert set(labels(inner).values()) == set("ab")
    assert set(labels(told).values()) == {name[:3] for name in ALPHABETS}


def test_links_are_followed_within_the_root_only(tmp_path):
    root = made(tmp_path / "root", "cat/a.jpg")
    made(tmp_path, "secret.jpg", "outside/b.jpg")
    (root / "inside.jpg").symlink_to("cat/a.jpg")
    (root / "out.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "dangling.jpg").symlink_to("nowhere.jpg")
    (root / "loop.jpg").symlink_to("loop.jpg")
    (root / "cat/up").symlink_to("..")
    (root / "away").symlink_to(tmp_path / "outside")
    source = open_source(root)
    assert set(labels(source)) == {
        "cat/a.jpg", "inside.jpg", "out.jpg", "dangling.jpg", "loop.jpg", "cat/up", "away"
    }  # fmt: skip
    assert source.read("inside.jpg") == b"cat/a.jpg"
    assert reason(source, "out.jpg") == "link leads out of the source"
    assert reason(source, "away") == "link leads out of the source"
    assert reason(source, "dangling.jpg") == "dangling link"
    assert reason(source, "loop.jpg") == "link loop"
    assert reason(source, "cat/up") == "link to a folder"


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("../.git/annex/objects/xx/SHA256E-s1--ab.jpg", "dangling link into git-annex's store: run `git annex get`"),
        ("/data/.dvc/cache/files/md5/ab/cd", "dangling link into DVC's cache: run `dvc pull`"),
        ("../elsewhere/objects/a.jpg", "dangling link"),
    ],
)
def test_a_link_into_a_store_that_lacks_the_file_says_how_to_get_it(tmp_path, target, words):
    (tmp_path / "a.jpg").symlink_to(target)
    for options in (SourceOptions(), SourceOptions(follow_links=True)):
        assert reason(open_source(tmp_path, options), "a.jpg") == words


def test_special_files_are_rejected_at_once(tmp_path):
    os.mkfifo(tmp_path / "fifo.jpg")
    (tmp_path / "device.jpg").symlink_to("/dev/zero")
    here = os.getcwd()
    os.chdir(tmp_path)  # the path of a socket is short
    try:
        server = socket.socket(socket.AF_UNIX)
        server.bind("socket.jpg")
    finally:
        os.chdir(here)
    source = open_source(tmp_path)
    assert reason(source, "fifo.jpg") == "not a regular file"
    assert reason(source, "socket.jpg") == "not a regular file"
    assert "link leads out" in reason(source, "device.jpg")
    server.close()
    with pytest.raises(Rejected, match="no such file"):
        source.read("gone.jpg")


def test_an_unreadable_file_and_folder_are_records(tmp_path, monkeypatch):
    made(tmp_path, "cat/a.jpg", "dog/b.jpg")
    scandir, opened = os.scandir, os.open
    denied = PermissionError(13, "Permission denied")

    def refuse(call, bad):
        def wrapped(path, *rest, **more):
            if str(path).endswith(bad):
                raise denied
            return call(path, *rest, **more)

        return wrapped

    monkeypatch.setattr(os, "scandir", refuse(scandir, "dog"))
    monkeypatch.setattr(os, "open", refuse(opened, ("a.jpg", "dog")))
    source = open_source(tmp_path)
    assert set(labels(source)) == {"cat/a.jpg", "dog"}
    assert source.unlisted == "dog"
    assert reason(source, "cat/a.jpg") == "permission denied"
    assert reason(source, "dog") == "permission denied"


def test_a_file_beyond_the_size_cap_is_rejected_unread(tmp_path):
    with open(tmp_path / "sparse.jpg", "wb") as file:
        file.truncate(1 << 40)
    assert str(1 << 40) in reason(open_source(tmp_path), "sparse.jpg")


def test_names_that_are_no_text_are_kept(tmp_path):
    names = [b"new\nline.jpg", b"\xff\xfe.jpg", b"tab\t.png", "é.jpg".encode()]
    for name in names:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)).write_bytes(name)
    source = open_source(tmp_path)
    read = {os.fsencode(record.key): source.read(record.locator) for record in source.records()}
    assert read == {name: name for name in names}


def test_a_deep_tree_is_no_trouble(tmp_path):
    deep = "/".join(["d"] * 1200)
    here = os.getcwd()
    os.chdir(tmp_path)
    try:
        for _ in range(1200):
            os.mkdir("d")
            os.chdir("d")
        Path("a.jpg").write_bytes(b"x")
    finally:
        os.chdir(here)
    try:
        with pytest.warns(LookalikeWarning, match="outer"):
            assert labels(open_source(tmp_path)) == {f"{deep}/a.jpg": "d"}
    finally:
        (tmp_path / deep / "a.jpg").unlink()
        os.removedirs(tmp_path / deep)  # pytest's own way of removing it recurses


def test_a_root_that_cannot_be_used_is_refused(tmp_path):
    for odd in ("nowhere", "http://example.com/a.jpg"):
        with pytest.raises(LookalikeError, match="does not exist: give a folder"):
            open_source(odd)


_NAMES = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=6)
_FILES = st.tuples(_NAMES, st.sampled_from([".jpg", ".PNG", "", ".txt", ".tiff", ".csv"])).map("".join)
_TREES = st.lists(st.tuples(st.lists(_NAMES, max_size=2), _FILES), max_size=12)


@pytest.mark.filterwarnings("ignore:source .* class folders hold only folders")
@settings(max_examples=60, deadline=None)
@given(_TREES)
def test_records_are_what_a_plain_walk_finds(tree):
    with tempfile.TemporaryDirectory() as folder:
        for folders, name in tree:
            path = Path(folder, *folders)
            try:
                path.mkdir(parents=True, exist_ok=True)
                (path / name).write_bytes(b"x")
            except OSError:  # ".", "..", a file where a folder is wanted, a name that is too long
                continue
        keys, ignored = walk(folder)
        source = open_source(folder)
        found = [record.key for record in source.records()]
        assert sorted(found) == sorted(keys) and len(set(found)) == len(found)
        assert source.ignored == ignored
        assert found == [record.key for record in from_spec(source.describe()).records()]


def walk(root):
    keys, ignored = [], 0
    for folder, folders, names in os.walk(root):
        ignored += sum(name.startswith(".") for name in folders)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            extension = os.path.splitext(name)[1].lower()
            if name.startswith(".") or extension not in {*IMAGE_EXTENSIONS, "", "."}:
                ignored += 1
            else:
                keys.append(os.path.relpath(os.path.join(folder, name), root))
    return keys, ignored


def test_a_folder_of_tables_alone_says_so(tmp_path):
    """What `datasets` and the Hub keep in data/."""
    for name in ("data/train-0.parquet", "data/train-1.parquet", "extra.csv", "metadata.csv", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("file_name,label\n")
    source = open_source(tmp_path)
    assert list(source.records()) == []
    (note,) = source.notes()
    assert "tables but no images" in note and f"{tmp_path}/data/train-0.parquet and 2 more" in note
    (tmp_path / "a.png").touch()
    assert len(list(source.records())) == 1 and source.notes() == []
    (tmp_path / "a.png").unlink()
    excluded = open_source(tmp_path, SourceOptions(exclude=("*.parquet", "extra.csv")))
    assert list(excluded.records()) == [] and excluded.notes() == []
