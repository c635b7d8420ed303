"""What a walk leaves out: debris of systems, and patterns, held against `git check-ignore` where there is a git."""

import shutil
import subprocess

import pytest

from lookalike.embedder.sources import SourceOptions, open_source
from lookalike.embedder.sources.left_out import Exclusion, is_debris
from lookalike.store.errors import LookalikeError


def made(root, *paths):
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def listed(root, **options):
    source = open_source(root, SourceOptions(**options))
    return sorted(record.key for record in source.records()), source


DEBRIS = [
    "@eaDir",
    "#recycle",
    "#snapshot",
    "@Recycle",
    ".@__thumb",
    "@Recently-Snapshot",
    "lost+found",
    "$RECYCLE.BIN",
    "$Recycle.Bin",
    "__MACOSX",
    "__macosx",
    ".Trash-1000",
    ".Trashes",
    ".thumbnails",
    "Thumbs.db",
    "THUMBS.DB",
    "desktop.ini",
    "._a.jpg",
    ".DS_Store",
    ".stfolder",
    "SYNOFILE_THUMB_M.jpg",
    "SYNOPHOTO_THUMB_XL.jpg",
    "FOUND.000",
    "@eadir",
    "#Recycle",
    "~snapshot",
    "LOST.DIR",
    "@SynoResource",
    "@sharebin",
    "TemporaryItems",
    "RECYCLE.BIN",
    "trashbox",
    "_gsdata_",
    "@GMT-2020.01.31-06.00.00",
]
SPACED = ["System Volume Information", "SYSTEM VOLUME INFORMATION", "Network Trash Folder", "Temporary Items", "Icon\r"]
OTHERS = ["cat", "recycle", "Recycled", "@home", "#1", "lost", "thumbs", "a._b.jpg", "Icon", "$5", "found.jpg"]


@pytest.mark.parametrize("name", DEBRIS + SPACED)
def test_what_systems_leave_behind_is_debris(name):
    assert is_debris(name)


@pytest.mark.parametrize("name", OTHERS)
def test_what_people_name_is_no_debris(name):
    assert not is_debris(name)


def test_debris_gives_neither_images_nor_classes_and_is_counted(tmp_path):
    made(tmp_path, "cat/a.jpg", "cat/@eaDir/a.jpg/SYNOPHOTO_THUMB_M.jpg", "dog/@eaDir/b.jpg/x.jpg", "#recycle/c.jpg")
    made(
        tmp_path,
        "$RECYCLE.BIN/d.jpg",
        "lost+found/e.jpg",
        "__MACOSX/cat/._a.jpg",
        "cat/._a.jpg",
        "cat/Thumbs.db",
        "n.txt",
    )
    keys, source = listed(tmp_path)
    assert keys == ["cat/a.jpg"]
    assert source.ignored == 9
    (note,) = source.notes()
    assert note.startswith("skipped 7 files and folders created by a file server or system: @eaDir, ")
    (tmp_path / "only").mkdir()


def test_a_folder_of_debris_that_is_itself_the_source_is_read(tmp_path):
    assert listed(made(tmp_path / "#recycle", "a.jpg"))[0] == ["a.jpg"]


TREE = [
    "a.jpg",
    "b.tmp.jpg",
    "raw/a.jpg",
    "raw/deep/b.jpg",
    "x/raw/c.jpg",
    "x/y/z/d.jpg",
    "2019/01/a.jpg",
    "2019/02/b.jpg",
    "[q].jpg",
    "é/a.jpg",
    "x/b.tmp.jpg",
    "rawest.jpg",
    "#hash.jpg",
]
PATTERNS = [
    r"raw",
    r"raw/",
    r"/raw",
    r"*.tmp.jpg",
    r"x/*",
    r"x/**",
    r"**/raw",
    r"x/**/d.jpg",
    r"2019/0[1-3]",
    r"2019/0[!1]",
    r"?.jpg",
    r"*",
    r"/*.jpg",
    r"é",
    r"r?w",
    r"x/raw/c.jpg",
    r"raw/deep/",
    r"a.jpg/",
    r"\[q\].jpg",
    r"[[]q].jpg",
    r"**/*.jpg",
    r"2019/**/a.jpg",
    r"z",
    r"[a-c].jpg",
    r"\#hash.jpg",
]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_mean_what_they_mean_in_a_gitignore(tmp_path, pattern):
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    made(tmp_path, *TREE)
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".git/info/exclude").write_text(pattern + "\n")
    said = subprocess.run(
        ["git", "-C", str(tmp_path), "-c", "core.quotePath=false", "ls-files", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert listed(tmp_path, exclude=(pattern,))[0] == sorted(said.stdout.splitlines())


def test_excluded_entries_are_ignored_a_folder_once(tmp_path):
    made(tmp_path, *TREE)
    keys, source = listed(tmp_path, exclude=("raw", "/2019", "b.*"))
    assert keys == sorted(["a.jpg", "x/y/z/d.jpg", "[q].jpg", "é/a.jpg", "rawest.jpg", "#hash.jpg"])
    assert source.ignored == 5 and source.notes() == []  # raw, x/raw, 2019, b.tmp.jpg and x/b.tmp.jpg


def test_what_a_table_in_the_folder_lists_can_be_excluded_too(tmp_path):
    made(tmp_path, "train/a.jpg", "test/b.jpg")
    (tmp_path / "metadata.csv").write_text("file_name,label\ntrain/a.jpg,cat\ntest/b.jpg,dog\ntest/gone.jpg,dog\n")
    assert listed(tmp_path, exclude=("test/",))[0] == ["train/a.jpg"]


def test_a_pattern_that_leaves_nothing_out_is_named(tmp_path):
    source = listed(made(tmp_path, "a.jpg"), exclude=("*.tmp", "b"))[1]
    assert source.notes() == ["--exclude '*.tmp' did not match anything", "--exclude 'b' did not match anything"]


def test_forms_of_unicode_and_a_leading_dot_slash_make_no_difference():
    assert Exclusion(["e\u0301"]).excludes("x/\u00e9", True) and Exclusion(["\u00e9"]).excludes("e\u0301", False)
    assert Exclusion(["./raw/"]).excludes("raw", True) and not Exclusion(["./raw/"]).excludes("x/raw", True)


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("", "is empty"), ("/", "is empty"), ("!a", "can only exclude"), ("[z-a]", "not a pattern")],
)
def test_a_pattern_without_a_meaning_is_refused(tmp_path, pattern, why):
    with pytest.raises(LookalikeError, match=why):
        open_source(tmp_path, SourceOptions((pattern,)))
