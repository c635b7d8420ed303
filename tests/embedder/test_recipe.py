"""Recipes: what is known, what is refused, and that what is saved is what was read."""

import tomllib

import pytest

from lookalike.embedder.recipe import Recipe, load_recipe, shipped_recipes
from lookalike.store.errors import LookalikeError

EXAMPLE = """
[data]
source = "photos/"
validation_classes = 0.2
[image]
size = 28
channels = 1
flip = false
crop = 0.8
rotate = 10
scale = 0.1
shift = 0.07
jitter = 0.3
[model]
backbone = "conv4"
dim = 64
pretrained = false
[loss]
name = "triplet"
margin = 0.2
distance = "euclidean"
[mining]
name = "semi-hard"
[batch]
classes = 10
images = 20
[optimiser]
name = "adamw"
lr = 1e-3
weight_decay = 1e-4
[training]
steps = 2000
validate_every = 200
patience = 5
precision = "auto"
seed = 0
"""


def written(tmp_path, text):
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_the_example_of_the_design_is_read_key_by_key(tmp_path):
    recipe = load_recipe(written(tmp_path, EXAMPLE))
    assert recipe.to_dict() == tomllib.loads(EXAMPLE)


def test_what_is_left_out_has_the_defaults_of_the_example(tmp_path):
    expected = tomllib.loads(EXAMPLE)
    del expected["data"]["source"]
    expected["image"] |= {"crop": 1.0, "rotate": 0.0, "scale": 0.0, "shift": 0.0, "jitter": 0.0}
    assert load_recipe(written(tmp_path, "")).to_dict() == expected


def test_a_resolved_recipe_reads_back_as_itself(tmp_path):
    names = '["T-shirt \\"x\\"", "Äpfel", "a\\\\b", "\\u007f", "tab\\t"]'
    recipe = load_recipe(written(tmp_path, f"[data]\nvalidation_classes = {names}\n[optimiser]\nlr = 0.003"))
    assert load_recipe(written(tmp_path, recipe.to_toml())) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[modle]", ["modle", "did you mean model?", "optimiser"]),
        ("[model]\nbackbones = 'conv4'", ["model.backbones", "conv4", "did you mean model.backbone?", "dim"]),
        ("[model]\nbackbone = 'resnet50'", ["model.backbone", "'resnet50'", "conv4, resnet, efficientnet-lite0"]),
        (
            "[mining]\nname = 'semihard'",
            ["mining.name", "'semihard'", "all, hard, semi-hard", "did you mean semi-hard?"],
        ),
        ("[loss]\nname = 'contrastive'", ["loss.name", "'contrastive'", "triplet"]),
        ("[image]\nflip = 1", ["image.flip", "1", "true, false"]),
        ("[image]\nchannels = 4", ["image.channels", "4", "1, 3"]),
        ("[image]\nsize = 28.5", ["image.size", "28.5", "whole number"]),
        ("[image]\nsize = true", ["image.size", "True", "whole number"]),
        ("[image]\nsize = 15", ["image.size", "15", "conv4 needs 16"]),
        ("[loss]\nmargin = nan", ["loss.margin", "nan"]),
        ("[loss]\nmargin = 0", ["loss.margin", "0"]),
        ("[batch]\nclasses = 1", ["batch.classes", "1", "from 2"]),
        ("[optimiser]\nlr = -1", ["optimiser.lr", "-1"]),
        ("[data]\nvalidation_classes = 1", ["data.validation_classes", "1"]),
        ("[data]\nvalidation_classes = ['a', 'a']", ["data.validation_classes"]),
        ("[data]\nvalidation_classes = ['a']", ["['a']", "two or more", "data.validation_classes=0"]),
        ("[data]\nsource = 3", ["data.source", "3"]),
        ("model = 3", ["model", "3", "section"]),
        ("[model]\npretrained = true", ["model.pretrained", "conv4", "efficientnet-lite0"]),
        (
            "[model]\nbackbone = 'efficientnet-lite0'\npretrained = true\n[image]\nsize = 64",
            ["image.channels", "1", "3"],
        ),
        ("[model", ["recipe.toml", "TOML"]),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(tmp_path, text, words):
    with pytest.raises(LookalikeError) as error:
        load_recipe(written(tmp_path, text))
    assert "\n" not in str(error.value)
    assert [word for word in words if word not in str(error.value)] == []


def test_overrides_are_toml_values_or_bare_text(tmp_path):
    path = written(tmp_path, EXAMPLE)
    recipe = load_recipe(
        path, ["data.source=my photos/a=b", "training.steps = 5", "image.flip=true", 'model.dim="7"'[:-3] + "7"]
    )
    assert (recipe.data.source, recipe.training.steps, recipe.image.flip, recipe.model.dim) == (
        "my photos/a=b",
        5,
        True,
        7,
    )
    recipe = load_recipe(path, ['data.validation_classes=["a", "b"]'])
    assert recipe.data.validation_classes == ("a", "b")


@pytest.mark.parametrize(
    "override", ["training.steps", "steps=5", "training.=5", "=5", "training.step=5", "model.dim=x"]
)
def test_an_override_that_fits_nothing_is_refused(tmp_path, override):
    with pytest.raises(LookalikeError, match=r"steps|SECTION|dim"):
        load_recipe(written(tmp_path, EXAMPLE), [override])


def test_every_shipped_recipe_loads_and_an_unknown_name_lists_them():
    assert {"digits", "fashion-mnist", "photos", "glyphs"} <= set(shipped_recipes())
    for name in shipped_recipes():
        assert load_recipe(name).training.steps > 0
    with pytest.raises(LookalikeError, match=r"no-such.*digits"):
        load_recipe("no-such")
