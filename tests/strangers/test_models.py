"""A stranger's model: its files, edited with fitting hashes, are loaded or refused in one line."""

import json
import shutil

import numpy as np
import pytest

from lookalike import Collection, LookalikeError
from lookalike.embedder.encoders import files as encoder_file
from lookalike.embedder.encoders.encoder import save_encoder
from lookalike.store.version.store import Store
from lookalike.tests.embedder.conftest import picture, untrained

from .forging import forge, rewrite

MODULE = "lookalike.tests.strangers.fuzzing_models"
PIXELS = np.full((28, 28), 77, np.uint8)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "model"
    save_encoder(folder, untrained())
    return folder


@pytest.fixture(scope="module")
def filled(model, tmp_path_factory):
    """A collection that holds the model and three images."""
    folder = tmp_path_factory.mktemp("filled")
    for number in range(3):
        (folder / "photos").mkdir(exist_ok=True)
        picture(number).save(folder / "photos" / f"{number}.png")
    with Collection.create(folder / "shop") as made:
        made.embed(folder / "photos", model=model)
    return folder / "shop"


@pytest.fixture
def shop(filled, tmp_path):
    return shutil.copytree(filled, tmp_path / "shop")


def test_some_edits_of_a_model(model, tmp_path, fuzz):
    lines = fuzz(shutil.copytree(model, tmp_path / "model"), 0, 12, module=MODULE)
    assert [line.split()[0] for line in lines] == ["encoder.json", "encoder.safetensors"]
    assert all(int(line.split()[-1]) > 4 for line in lines)


@pytest.mark.long
def test_many_edits_of_a_model(model, tmp_path, fuzz):
    assert len(fuzz(shutil.copytree(model, tmp_path / "model"), 1, 500, module=MODULE)) == 2


CARDS = {
    "a list": lambda card: card.update(recipe=[1]),
    "no dimension": lambda card: card["recipe"]["model"].pop("dim"),
    "a huge dimension": lambda card: card["recipe"]["model"].update(dim=10**12),
    "a huge picture": lambda card: card["preprocessing"].update(size=4096),
    "a number of classes": lambda card: card.update(training_classes=7),
    "a precision": lambda card: card.update(precision=[16]),
    "a number beyond all": lambda card: card["recipe"]["optimiser"].update(lr=10**400),
    "no preprocessing": lambda card: card.update(preprocessing=None),
    "a filter": lambda card: card["preprocessing"].update(filter=[{}]),
}


def refused(shop, words):
    """The line with which a picture is refused as a query."""
    with Collection.open(shop) as made, pytest.raises(LookalikeError, match=words) as error:
        made.search(PIXELS)
    assert "\n" not in str(error.value) and len(str(error.value)) < 600
    return str(error.value)


def entries(shop):
    with Store.open(shop) as store:
        return {entry.file.rpartition("/")[2]: entry.file for entry in store.content.model.files}


def give_model(shop, files):
    """Put other files in the place of the model's, with hashes and a digest that fit."""
    with Store.open(shop) as store:
        old = store.content.model.digest
    for name, file in entries(shop).items():
        forge(shop, file, files[name])
    new = encoder_file.digest(files)
    (shop / "model" / old).rename(shop / "model" / new)

    def rename(content):
        content["model"]["digest"] = new
        for entry in content["model"]["files"]:
            entry["file"] = entry["file"].replace(old, new)

    rewrite(shop, rename)


@pytest.mark.parametrize("what", CARDS)
def test_a_card_that_cannot_be_is_refused_in_one_line(shop, what):
    files = {name: (shop / file).read_bytes() for name, file in entries(shop).items()}
    card = json.loads(files[encoder_file.CARD])
    CARDS[what](card)
    give_model(shop, files | {encoder_file.CARD: encoder_file.card_bytes(card)})
    refused(shop, r"encoder\.json|preprocessing|size is 4096|filter")


def test_files_that_are_not_those_of_the_digest_are_refused(shop):
    card = entries(shop)[encoder_file.CARD]
    held = json.loads((shop / card).read_bytes())
    forge(shop, card, encoder_file.card_bytes(held | {"training_classes": ["other"]}))
    refused(shop, "the files of its model .* belong to another model")


def test_a_model_of_no_files_is_refused(shop):
    rewrite(shop, lambda content: content["model"].update(files=[]))
    refused(shop, "so its model is incomplete")


def test_weights_that_give_no_numbers_are_refused(shop):
    encoder = untrained()
    with np.errstate(all="ignore"):
        for tensor in encoder._network.state_dict().values():
            if tensor.is_floating_point():
                tensor.fill_(float("nan"))
    card = {name: value for name, value in encoder.card.items() if name != "sha256"}
    files = encoder_file.to_bytes(encoder._network.state_dict(), card)
    give_model(shop, files)
    refused(shop, "computes vectors that are not finite")


def test_the_whole_model_answers(shop):
    with Collection.open(shop) as made:
        assert made.search(PIXELS, k=1).rows.shape == (1, 1)
