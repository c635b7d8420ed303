"""Recipes: what is known, what is refused, and that what is saved is what was read."""

import re
import tomllib
import warnings
from pathlib import Path

import pytest

from lookalike.embedder.recipe.losses import DISTANCES, LOSSES, MININGS
from lookalike.embedder.recipe.recipe import Recipe, load_recipe, shipped_recipes
from lookalike.store.errors import LookalikeError, LookalikeWarning

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
        ("[modle]", ["unknown section modle: did you mean 'model'? The sections are data,", "optimiser"]),
        ("[model]\nbackbones = 'conv4'", ["unknown key model.backbones: did you mean 'backbone'?", "dim"]),
        ("[model]\nbackbone = 'resnet50'", ["model.backbone", "'resnet50'", "conv4, resnet, efficientnet-lite0"]),
        ("[model]\nbackbone = 'vit'", ["unknown model.backbone 'vit': use conv4, resnet or efficientnet-lite0"]),
        (
            "[mining]\nname = 'semihard'",
            ["mining.name", "'semihard'", "all, hard, semi-hard, distance-weighted", "did you mean 'semi-hard'?"],
        ),
        (
            "[loss]\nname = 'contrast'",
            ["loss.name", "'contrast'", "softmax", "pml:NAME", "did you mean 'contrastive'?"],
        ),
        ("[loss]\nname = 'pml:'", ["loss.name", "'pml:'", "triplet"]),
        ("[loss]\nname = 3", ["loss.name", "3", "triplet"]),
        ("[loss]\nmargin = 'hard'", ["loss.margin", "'hard'", "a number", "soft"]),
        (
            "[loss]\nmargin = 'soft'\n[mining]\nname = 'semi-hard'",
            ["mining.name = 'semi-hard'", "soft", "all, hard, distance-weighted"],
        ),
        (
            "[loss]\nname = 'contrastive'\nmargin = 'soft'",
            ["loss.margin", "the margin of contrastive must be a number"],
        ),
        ("[loss]\nmargin = 2.5", ["loss.margin = 2.5", "at most 2,", "euclidean"]),
        ("[loss]\nmargin = 5\ndistance = 'squared-euclidean'", ["loss.margin = 5", "at most 4,"]),
        ("[loss]\nmargin = 17\ndistance = 'manhattan'", ["loss.margin = 17", "at most 16,", "manhattan"]),
        (
            "[loss]\ndistance = 'cosin'",
            ["loss.distance", "euclidean, squared-euclidean, cosine", "did you mean 'cosine'?"],
        ),
        ("[loss]\nname = 'prototypical'\nshots = 20", ["loss.shots = 20", "batch.images = 20", "1 to 19"]),
        ("[loss]\nname = 'pml:NTXentLoss'\noptions = 3", ["loss.options is 3", "table"]),
        ("[loss]\nname = 'pml:NTXentLoss'\noptions = { t = [1] }", ["loss.options.t is [1]", "number"]),
        ("[image]\nflip = 1", ["image.flip", "1", "true or false"]),
        ("[image]\nchannels = 4", ["image.channels is 4: it must be 1 or 3"]),
        ("[image]\nsize = 28.5", ["image.size", "28.5", "whole number"]),
        ("[training]\nseed = -1", ["training.seed is -1: it must be a whole number from 0 to 2147483647"]),
        ("[training]\nvalidate_every = 0", ["validate_every is 0: it must be a whole number from 1 to 100000000"]),
        ("[optimiser]\nlr = 11", ["optimiser.lr is 11: it must be a number from 1e-08 to 10"]),
        ("[image]\nsize = true", ["image.size", "True", "whole number"]),
        ("[image]\nsize = 15", ["image.size", "15", "conv4 needs at least 16"]),
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


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name = 'triplet'\ndistance = 'cosine'", {"margin": 0.1, "distance": "cosine"}),
        ("distance = 'manhattan'\nmargin = 3", {"margin": 3.0, "distance": "manhattan"}),
        ("name = 'contrastive'", {"margin": 1.0, "distance": "euclidean"}),
        ("name = 'pairs'", {}),
        ("name = 'prototypical'", {"shots": 5, "scale": 10.0}),
        ("name = 'softmax'\nscale = 20", {"scale": 20.0}),
        ("name = 'pml:NTXentLoss'", {}),
        (
            "name = 'pml:X'\n[loss.options]\na = 1\n'b c' = true\nd = 'x\"y'",
            {"options": {"a": 1, "b c": True, "d": 'x"y'}},
        ),
    ],
)
def test_the_resolved_recipe_says_what_the_loss_takes_and_nothing_else(tmp_path, text, expected):
    recipe = load_recipe(written(tmp_path, f"[loss]\n{text}\n"))
    found = recipe.to_dict()["loss"]
    name = found.pop("name")
    assert found == expected and f"name = {name!r}" in text + "name = 'triplet'"
    assert recipe.to_dict()["mining"] == ({"name": "semi-hard"} if name == "triplet" else {})
    assert load_recipe(written(tmp_path, recipe.to_toml())) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@pytest.mark.parametrize(
    ("settings", "scale"),
    [
        ([], 10.0),
        (["loss.scale=3"], 3.0),
        (["loss.distance=manhattan", "model.dim=8"], 4.431),  # unit rows lie farther apart there, in numbers
        (["loss.margin=0.3"], None),
    ],
)
def test_a_soft_margin_has_a_scale_that_suits_unit_rows(settings, scale):
    assert load_recipe("digits", ["loss.margin=soft", "mining.name=all", *settings]).loss.scale == scale


def test_a_number_over_a_soft_margin_takes_the_place_of_its_scale_too(tmp_path):
    soft = load_recipe("digits", ["loss.margin=soft", "mining.name=all"])
    recipe = load_recipe(written(tmp_path, soft.to_toml()), ["loss.margin=0.3"])
    assert (recipe.loss.margin, recipe.loss.scale) == (0.3, None)
    with pytest.raises(LookalikeError, match=r"loss\.scale = 3\.0: a scale needs loss\.margin = 'soft', .* 0\.3"):
        load_recipe("digits", ["loss.margin=0.3", "loss.scale=3"])


OTHERS = ["contrastive", "pairs", "prototypical", "softmax", "pml:NTXentLoss"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            ["loss.name=softmax", "loss.margin=0.2"],
            ["loss.margin = 0.2", "softmax has no margin", "its keys are scale"],
        ),
        (["loss.name=pairs", "loss.scale=2"], ["loss.scale = 2", "pairs has no scale", "no settings"]),
        (["loss.scale=2"], ["loss.scale = 2.0", "loss.margin = 'soft'", "margin is 0.2"]),
        (["loss.name=prototypical", "loss.distance=cosine"], ["loss.distance", "prototypical has no distance"]),
        (["loss.options={ t = 1 }"], ["loss.options", "triplet has no options"]),
        *(([f"loss.name={name}", "mining.name=hard"], [f"'hard': the loss {name} has no mining"]) for name in OTHERS),
    ],
)
def test_a_setting_without_a_use_is_refused_where_it_was_just_said(tmp_path, settings, words):
    for asked in (settings, settings[::-1]):
        with pytest.raises(LookalikeError) as error:
            load_recipe(written(tmp_path, ""), asked)
        assert "\n" not in str(error.value)
        assert [word for word in words if word not in str(error.value)] == []
    with pytest.raises(LookalikeError, match=r"mining\.name = 'hard': the loss softmax has no mining"):
        Recipe.from_dict({"loss": {"name": "softmax"}, "mining": {"name": "hard"}})


TEMPLATE = """
[loss]
name = "triplet"
margin = 0.3
distance = "cosine"
[mining]
name = "semi-hard"
"""


@pytest.mark.parametrize("name", ["triplet", *OTHERS])
@pytest.mark.parametrize("own", ["triplet", *OTHERS])
def test_another_loss_takes_the_place_of_a_file_s_with_all_its_settings(tmp_path, own, name):
    template = TEMPLATE.replace("triplet", own)
    if own == name == "triplet":
        assert load_recipe(written(tmp_path, template), ["loss.name=triplet"]).loss.margin == 0.3
    elif own != name:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            recipe = load_recipe(written(tmp_path, template), [f"loss.name={name}"])
        assert recipe == load_recipe(written(tmp_path, f"[loss]\nname = '{name}'"))


@pytest.mark.parametrize(
    ("text", "settings", "word"),
    [
        ("[loss]\nname = 'softmax'\nmargin = 'hard'", [], "loss.margin is 'hard': it must be a number"),
        ("[loss]\nname = 'softmax'\n[mining]\nnme = 'hard'", [], "unknown key mining.nme"),
        ("mining = 3", ["loss.name=softmax"], "mining is 3: it must be a section"),
        ("[mining]\nname = 'semi-hard'\nfoo = 1", ["loss.margin=soft"], "unknown key mining.foo"),
        ("[loss]\ndistance = 'cosin'", ["loss.name=pairs"], "did you mean 'cosine'?"),
        ("[loss]\nname = 'softmax'", ["loss.name.x=3"], "--set loss.name.x=3: loss.name is the value 'softmax', which"),
        ("[training]\nsteps = 5", ["training.steps.x.y=3"], "training.steps is the value 5, which has no keys"),
    ],
)
def test_what_is_left_out_is_checked_all_the_same(tmp_path, text, settings, word):
    with pytest.raises(LookalikeError) as error:
        load_recipe(written(tmp_path, text), settings)
    assert word in str(error.value)


@pytest.mark.parametrize("name", OTHERS)
def test_what_a_file_s_own_loss_has_no_use_for_is_left_out_and_said(tmp_path, name):
    with pytest.warns(LookalikeWarning) as said:
        recipe = load_recipe(written(tmp_path, TEMPLATE.replace("triplet", name)))
    text = str(said[0].message)
    assert (
        len(said) == 1 and "\n" not in text and "mining.name = 'semi-hard'" in text and f"the loss {name} does" in text
    )
    assert ("margin = 0.3" in text) == (recipe.loss.margin is None) == (name != "contrastive")
    with pytest.warns(LookalikeWarning, match=r"the loss triplet without a soft margin does not have: loss\.scale = 2"):
        assert load_recipe(written(tmp_path, "[loss]\nscale = 2")).loss.scale is None
    with pytest.warns(LookalikeWarning, match=r"the loss contrastive does not have: loss\.scale = 4"):
        load_recipe(written(tmp_path, "[loss]\nname = 'contrastive'\nscale = 4"), ["loss.margin=0.5"])


def test_a_soft_margin_takes_all_triplets_where_no_mining_is_said(tmp_path):
    for text, settings in (
        ("[loss]\nmargin = 'soft'", []),
        ("", ["loss.margin=soft"]),
        (TEMPLATE, ["loss.margin=soft"]),
    ):
        assert load_recipe(written(tmp_path, text), settings).mining.name == "all"
    hard = TEMPLATE.replace("semi-hard", "hard")
    assert load_recipe(written(tmp_path, hard), ["loss.margin=soft"]).mining.name == "hard"


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("shipped", shipped_recipes())
def test_a_recipe_s_own_mining_goes_with_its_own_loss(shipped, name):
    assert load_recipe(shipped, [f"loss.name={name}"]).mining.name is None
    assert load_recipe(shipped, ["loss.name=triplet", "mining.name=random"]).mining.name == "random"


def test_the_margin_follows_the_length_of_vectors_where_distances_do():
    margins = [Recipe.from_dict({"model": {"dim": d}, "loss": {"distance": "manhattan"}}).loss.margin for d in (16, 64)]
    assert margins[1] == pytest.approx(2 * margins[0], abs=0.002) and margins[1] > 1


def test_the_shots_follow_the_batch():
    for images, shots in ((2, 1), (4, 2), (11, 5), (200, 5)):
        assert Recipe.from_dict({"batch": {"images": images}, "loss": {"name": "prototypical"}}).loss.shots == shots


def test_the_recipe_knows_the_losses_own_choices():
    from lookalike.embedder.losses import distances, triplet
    from lookalike.embedder.recipe import losses as loss_settings

    assert set(loss_settings.MININGS) == set(triplet.MININGS)
    assert set(loss_settings.DISTANCES) == set(distances.DISTANCES)
    assert loss_settings.SOFT == triplet.SOFT


def test_an_override_reaches_into_tables(tmp_path):
    path = written(tmp_path, "")
    recipe = load_recipe(path, ["loss.name=pml:ProxyAnchorLoss", "loss.options.alpha=16", "loss.options.kind=a b"])
    assert recipe.loss.options == {"alpha": 16, "kind": "a b"}
    with pytest.raises(LookalikeError, match=r"model\.dim"):
        load_recipe(path, ["model.dim.x=3"])
    for wrong in ("loss.options.=3", "loss..alpha=3"):
        with pytest.raises(LookalikeError, match="SECTION"):
            load_recipe(path, [wrong])


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


def test_the_docs_have_every_key_with_its_default_and_every_choice():
    page = (Path(__file__).parents[3] / "docs" / "recipe-files.md").read_text()
    (block,) = re.findall(r"## Recipes.*?```toml\n(.*?)```", page, re.DOTALL)
    said, now = tomllib.loads(block), Recipe.from_dict({}).to_dict()
    assert said["data"].pop("source") == "photos/"
    for section, values in said.items():
        for key, value in values.items():
            assert now[section][key] == value, f"{section}.{key}"
    for section, values in now.items():
        for key in values:
            assert re.search(rf"\b{key}\b", block), f"{section}.{key} is not in docs/recipe-files.md"
    for choice in (*LOSSES, *DISTANCES, *MININGS, "conv4", "resnet", "efficientnet-lite0", "fp32", "bf16"):
        assert choice in block
