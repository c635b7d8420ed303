"""Names of commands that there are not."""

import click
import pytest

from lookalike.cli import COMMANDS, cli, run
from lookalike.shell.mistaken import INSTEAD, MEANT, meant
from lookalike.store.version.store import Store


@pytest.mark.parametrize(
    ("names", "words"),
    [
        ("find query similar lookup knn serch Search FIND", "did you mean 'search'?"),
        ("add ingest embd create init retry", "did you mean 'embed'?"),
        ("build", "did you mean 'index'?"),
        ("kmeans outliers", "did you mean 'cluster'?"),
        ("sheet", "`lookalike search COLLECTION QUERY --sheet FILE.png`"),
        ("plan migrate serve open", "there is no such command yet"),
        ("predict label sort tag", "did you mean 'classify'?"),
        ("status stats ls", "did you mean 'info'?"),
        ("check fsck", "did you mean 'verify'?"),
        ("undo", "did you mean 'rollback'?"),
        ("clean", "did you mean 'gc'?"),
        ("delete rm", "did you mean 'remove'?"),
        ("dedupe dups copies", "groups images that look alike"),
        ("text", "this version cannot search by text"),
        ("version", "`lookalike --version`"),
        ("help", "`lookalike --help`"),
    ],
)
def test_what_people_mean_is_named(names, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in names.split():
        assert run([name, "x"]) == 2
        said = capsys.readouterr()
        assert f"no command {name!r}: " in said.err and words in said.err and said.out == ""
        assert len(said.err.splitlines()) == 1


def test_no_word_stands_for_two_commands_or_for_one_that_there_is():
    words = [word for others in MEANT.values() for word in others.split()]
    assert len(set(words)) == len(words) and not set(words) & set(COMMANDS)
    assert not set(words) & set(INSTEAD)


def test_a_command_that_comes_later_is_offered_by_its_other_names():
    assert meant("dedupe", [*COMMANDS, "duplicates"]) == ": did you mean 'duplicates'?"
    assert meant("zzzzzz", list(COMMANDS)) == ""


@pytest.mark.parametrize("name", ["convert", "cat", "thumbnails"])
def test_a_name_that_is_like_no_other_is_not_taken_for_one(name):
    assert meant(name, list(COMMANDS)) == ""


def test_a_path_in_place_of_a_command_is_told_apart(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my photos").mkdir()
    (tmp_path / "my photos" / "a.jpg").write_bytes(b"x")
    (tmp_path / "search.txt").write_text("x")
    Store.create(tmp_path / "shop").close()
    for words, offered in (
        (["shop"], "no command 'shop', which is a collection: did you mean `lookalike info shop`?"),
        (["shop", "a b.jpg"], "did you mean `lookalike search shop 'a b.jpg'`?"),
        (["my photos"], "a folder of images: `lookalike embed COLLECTION 'my photos' --model pretrained`"),
        (["my photos/a.jpg"], "which is an image: `lookalike search COLLECTION 'my photos/a.jpg'`"),
        (["search.txt"], "no command 'search.txt'"),
    ):
        with pytest.raises(click.UsageError) as refused:
            cli.main(words, standalone_mode=False)
        assert offered in refused.value.message


@pytest.mark.parametrize(
    ("words", "way"),
    [
        (
            "report shop photos --out r.html",
            "unexpected extra argument (photos): give a source of images with --data (see",
        ),
        ("export shop --out all.parquet", "No such option '--out': give the file after the collection"),
        ("compare a.jpg b.jpg", "Missing option '--model': give the folder of a trained model"),
        ("compare shop a.jpg b.jpg --model m", "give two images and no collection"),
        ("export shop", "Missing argument 'OUT'. (see lookalike export --help)"),
    ],
)
def test_arguments_that_a_command_does_not_take_are_answered_with_those_it_does(words, way, capsys):
    assert run(words.split()) == 2
    said = capsys.readouterr().err
    assert way in said and said.count("\n") == 1
