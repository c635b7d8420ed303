"""Where a model may go: to a folder of its own, outside of collections, whose `gc` would delete it."""

import pytest

from lookalike.cli import run
from lookalike.embedder.recipe.recipe import Recipe
from lookalike.embedder.training import checkpoint
from lookalike.embedder.training.folder import finished_before
from lookalike.embedder.training.sweeping.sweep import combinations, sweep
from lookalike.store.errors import LookalikeError
from lookalike.store.version.store import Store

RECIPE = Recipe.from_dict({})


@pytest.fixture
def shop(tmp_path):
    """An empty collection."""
    Store.create(tmp_path / "shop")
    return tmp_path / "shop"


@pytest.mark.parametrize("resume", [False, True])
@pytest.mark.parametrize("below", ["", "model", "deep/er/model"])
def test_no_model_goes_into_a_collection(shop, below, resume):
    with pytest.raises(LookalikeError, match=r"shop.* a collection, where gc .* outside"):
        finished_before(shop / below, RECIPE, resume)


def test_neither_by_a_relative_path_nor_by_a_link(shop, tmp_path, monkeypatch):
    (tmp_path / "link").symlink_to("shop")
    monkeypatch.chdir(shop)
    for out in ("model", ".", "../link/model"):
        with pytest.raises(LookalikeError, match="a collection"):
            finished_before(type(shop)(out), RECIPE, False)
    assert finished_before(type(shop)("../beside"), RECIPE, False) is None


def test_the_commands_refuse_before_an_image_is_read(shop, capsys):
    before = sorted(shop.rglob("*"))
    for command in (
        ["train", "glyphs", "--data", "nowhere", "--out", str(shop / "model")],
        ["demo", str(shop)],
        ["demo", str(shop / "demo")],
    ):
        (shop.parent / "nowhere").mkdir(exist_ok=True)
        command = [str(shop.parent / "nowhere") if word == "nowhere" else word for word in command]
        assert run(command) == 1
        assert "a collection, where gc" in capsys.readouterr().err
    with pytest.raises(LookalikeError, match="a collection, where gc"):
        next(sweep(combinations("glyphs", ["model.dim=4"]), shop / "runs", data=str(shop.parent / "nowhere")))
    assert sorted(shop.rglob("*")) == before


def test_a_folder_with_other_files_is_refused_and_named(tmp_path):
    (tmp_path / "page.html").write_text("")
    for resume in (False, True):
        with pytest.raises(LookalikeError, match=r"already holds 'page\.html': a model needs a new or empty folder"):
            finished_before(tmp_path, RECIPE, resume)
    assert finished_before(tmp_path / "new", RECIPE, False) is None


def test_hidden_files_and_what_a_training_left_are_no_obstacle(tmp_path):
    (tmp_path / ".DS_Store").write_text("")
    (tmp_path / "training.json").write_text("")  # written before the encoder: a crash came between
    assert finished_before(tmp_path, RECIPE, False) is None


def test_notes_beside_an_unfinished_training_do_not_keep_it_from_going_on(tmp_path):
    (tmp_path / checkpoint.NAME).write_text("")
    (tmp_path / "notes.txt").write_text("")
    assert finished_before(tmp_path, RECIPE, True) is None
