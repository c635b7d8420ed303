"""Encoders: unit rows in order, the same after saving, and every damaged or foreign file refused in one line."""

import hashlib
import json

import numpy as np
import pytest
import torch

from lookalike.embedder.backbones import build, preprocessing
from lookalike.embedder.encoders import files as encoder_file
from lookalike.embedder.encoders.encoder import Encoder, encoder_card, make_encoder, save_encoder
from lookalike.embedder.encoders.models import Offered
from lookalike.embedder.recipe.recipe import Recipe
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeError
from lookalike.store.version.store import Store

RECIPE = Recipe.from_dict({"image": {"size": 16, "channels": 3}, "model": {"dim": 7, "backbone": "resnet"}})


def network():
    torch.manual_seed(0)
    made = build("resnet", channels=3, dim=7)
    with torch.no_grad():  # normalisation that has seen something, so that folding it matters
        made.train()
        made(torch.randn(32, 3, 16, 16) * 2 + 1)
    return made


def encoder():
    card = encoder_card(
        RECIPE, preprocessing("resnet", size=16, channels=3), "fp32", ["b", "a"], scores={"map_at_r": 0.5}
    )
    return make_encoder(network(), card, device="cpu")


def images(count=9):
    return np.random.default_rng(0).integers(0, 256, (count, 16, 16, 3), dtype=np.uint8)


def naive(image):
    """One image, the long way: no batch, no folding, plain layout."""
    with torch.no_grad():
        x = torch.tensor(image.transpose(2, 0, 1)[None] / 255.0, dtype=torch.float32)
        row = network().eval()((x - 0.5) / 0.5)[0].numpy().astype(np.float64)
    return row / np.linalg.norm(row)


def test_rows_are_the_networks_normalised_in_order():
    rows = encoder().encode(images())
    assert rows.dtype == np.float32 and rows.shape == (9, 7)
    assert np.abs(rows - [naive(image) for image in images()]).max() < 1e-5
    assert np.abs(np.linalg.norm(rows.astype(np.float64), axis=1) - 1).max() < 1e-6


def test_a_batch_cut_in_parts_gives_the_same_rows():
    whole, parts = encoder(), encoder()
    parts._batch = 2
    assert np.abs(whole.encode(images()) - parts.encode(images())).max() < 1e-6
    assert whole.encode(images(0)).shape == (0, 7)


def test_read_only_images_are_taken_and_left_alone():
    given = images()
    given.setflags(write=False)
    assert encoder().encode(given).shape == (9, 7)
    assert np.array_equal(given, images())


@pytest.mark.parametrize("bad", [images()[0], images()[..., :1], images()[:, :8], images().astype(np.float32)])
def test_other_shapes_and_types_are_refused(bad):
    with pytest.raises(LookalikeError, match=r"uint8 \(batch, \*\(16, 16, 3\)\)"):
        encoder().encode(bad)


def test_a_saved_encoder_is_the_same_encoder(tmp_path):
    made = encoder()
    save_encoder(tmp_path / "model", made)
    loaded = Encoder.load(tmp_path / "model")
    assert np.array_equal(made.encode(images()), loaded.encode(images()))
    assert (loaded.digest, loaded.dim, loaded.training_classes) == (made.digest, 7, ["a", "b"])
    assert (loaded.preprocessing, loaded.precision) == (made.preprocessing, "fp32")
    assert loaded.card["scores"] == {"map_at_r": 0.5}
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["encoder.json", "encoder.safetensors"]


def test_the_digest_is_that_of_both_files(tmp_path):
    save_encoder(tmp_path, encoder())
    hashes = [
        hashlib.sha256((tmp_path / f"encoder.{kind}").read_bytes()).hexdigest() for kind in ("safetensors", "json")
    ]
    assert Encoder.load(tmp_path).digest == hashlib.sha256("".join(hashes).encode()).hexdigest()
    assert {name: bytes(content) for name, content in Encoder.load(tmp_path).files().items()} == {
        name: (tmp_path / name).read_bytes() for name in ("encoder.safetensors", "encoder.json")
    }


def damaged(folder, name, change):
    save_encoder(folder, encoder())
    path = folder / name
    path.write_bytes(change(path.read_bytes()))
    return path


@pytest.mark.parametrize(
    "change",
    [
        lambda content: content[:-1],
        lambda content: content[:100],
        lambda content: content[:4],
        lambda content: b"",
        lambda content: b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94.",
        lambda content: b"PK\x03\x04" + content,
        lambda content: content + b"more",
    ],
)
def test_weights_that_are_no_safetensors_file_are_refused(tmp_path, change):
    path = damaged(tmp_path, "encoder.safetensors", change)
    with pytest.raises(LookalikeError) as error:
        Encoder.load(tmp_path)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["encoder.safetensors", "encoder.json"])
def test_a_flipped_bit_is_refused_wherever_it_is(tmp_path, name):
    save_encoder(tmp_path, encoder())
    whole = (tmp_path / name).read_bytes()
    rng = np.random.default_rng(0)
    places = {*range(min(300, len(whole))), *rng.integers(0, len(whole), 60).tolist(), len(whole) - 1}
    for place in places:
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        (tmp_path / name).write_bytes(flipped)
        for load in (Encoder.load, Offered):
            with pytest.raises(LookalikeError, match=name):
                load(tmp_path)
    (tmp_path / name).write_bytes(whole)
    assert Encoder.load(tmp_path).digest == Offered(tmp_path).digest


def test_weights_of_another_network_are_refused(tmp_path):
    save_encoder(tmp_path, encoder())
    for name, words in (("conv4", "lacks the weights|does not have"), ("resnet", "shape")):
        other = build(name, channels=3, dim=8).state_dict()
        (tmp_path / "encoder.safetensors").write_bytes(encoder_file.to_bytes(other, {})["encoder.safetensors"])
        with pytest.raises(LookalikeError, match=words):
            Encoder.load(tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda card: b"{", "not valid JSON"),
        (lambda card: b"[1]", "format None"),
        (lambda card: json.dumps(card | {"format": 3}).encode(), "format 3"),
        (lambda card: json.dumps(card | {"format": 1}).encode(), "format 1: this version of lookalike reads format 2"),
        (lambda card: json.dumps(card | {"precision": "bf16"}).encode(), "damaged or was edited"),
        (lambda card: json.dumps(card, indent=2, sort_keys=True).encode(), "damaged or was edited"),
        (lambda card: json.dumps({k: v for k, v in card.items() if k != "recipe"}).encode(), "has no entry 'recipe'"),
        (
            lambda card: encoder_file.card_bytes(card | {"precision": "int8"}),
            "unknown precision 'int8': use fp32 or bf16",
        ),
        (
            lambda card: encoder_file.card_bytes(card | {"recipe": {"model": {"dims": 3}}}),
            "unknown key model.dims: did you mean 'dim'",
        ),
        (lambda card: encoder_file.card_bytes(card | {"recipe": {"model": {}}}), "has no dim or no pretrained"),
    ],
)
def test_a_damaged_or_later_card_is_refused(tmp_path, change, words):
    path = damaged(tmp_path, "encoder.json", lambda content: change(json.loads(content)))
    with pytest.raises(LookalikeError, match=words):
        Encoder.load(tmp_path)
    path.unlink()
    with pytest.raises(LookalikeError, match=r"encoder\.json"):
        Encoder.load(tmp_path)


def test_a_missing_folder_and_an_unknown_device_are_refused(tmp_path):
    with pytest.raises(LookalikeError, match="there is no model"):
        Encoder.load(tmp_path / "none")
    save_encoder(tmp_path, encoder())
    with pytest.raises(LookalikeError, match="unknown device 'tpu': use auto, cpu or gpu"):
        Encoder.load(tmp_path, device="tpu")


@pytest.mark.parametrize("load", [Encoder.load, Offered])
def test_a_collection_taken_for_a_model_is_said_to_be_one_and_where_its_model_lies(tmp_path, load):
    shop = Store.create(tmp_path / "shop")
    with pytest.raises(
        LookalikeError, match=r"shop is a collection, not a model: give a folder that `lookalike train`"
    ):
        load(tmp_path / "shop")
    made = encoder()
    with writing(shop) as writer:
        writer.set_model(made.digest, made.dim, "fp32", {**made.files()})
        writer.commit()
    with pytest.raises(LookalikeError, match="is a collection, not a model: give its model ") as said:
        load(tmp_path / "shop")
    assert load(str(said.value).split("give its model ")[1].split(",")[0]).digest == made.digest


def test_bf16_stays_close_where_the_hardware_has_it(monkeypatch):
    monkeypatch.setattr("lookalike.embedder.encoders.encoder.has_bf16", lambda device: True)
    exact, quick = encoder(), encoder().with_precision("bf16")
    assert quick.precision == "bf16"
    cosines = (exact.encode(images()).astype(np.float64) * quick.encode(images())).sum(axis=1)
    assert (
        cosines.min() > 0.99
        and cosines.max() < 1 + 1e-6
        and not np.array_equal(exact.encode(images()), quick.encode(images()))
    )


def test_bf16_becomes_fp32_where_the_hardware_lacks_it(monkeypatch):
    monkeypatch.setattr("lookalike.embedder.encoders.encoder.has_bf16", lambda device: False)
    assert encoder().with_precision("bf16").precision == "fp32"
