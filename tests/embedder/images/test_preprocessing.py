"""Preprocessing: sizes, crops and channels against Pillow and by hand; JSON and digest."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from lookalike.embedder.images.preprocessing import Preprocessing
from lookalike.store.errors import LookalikeError

from ..made import digest_of

GREY = Preprocessing(size=28, channels=1, mean=(0.5,), std=(0.5,))
COLOUR = Preprocessing(
    size=32, channels=3, mean=(0.5,) * 3, std=(0.5,) * 3, resize="crop", crop=0.875, filter="bicubic"
)


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def test_an_image_of_the_right_size_is_kept_as_it_is():
    image = noise(28, 28, 1)
    assert np.array_equal(GREY.apply(image), image)


def test_stretching_is_pillows_antialiased_resize_of_the_whole():
    image = noise(50, 91, 1)
    expected = np.asarray(Image.fromarray(image[:, :, 0]).resize((28, 28), Image.Resampling.BILINEAR))
    assert np.array_equal(GREY.apply(image)[:, :, 0], expected)


def test_cropping_sees_the_middle_only():
    image = noise(64, 128, 3)
    elsewhere = image.copy()
    elsewhere[:, :30], elsewhere[:, 98:] = 0, 255  # the square is 36 to 92; the filter looks 3.5 pixels further
    assert np.array_equal(COLOUR.apply(image), COLOUR.apply(elsewhere))
    elsewhere[30, 60] ^= 255
    assert not np.array_equal(COLOUR.apply(image), COLOUR.apply(elsewhere))


def test_cropping_equals_resizing_then_cropping():
    preprocessing = dataclasses.replace(COLOUR, size=28)
    image = noise(128, 128, 3)
    expected = np.asarray(Image.fromarray(image).resize((32, 32), Image.Resampling.BICUBIC))[2:30, 2:30].astype(int)
    assert np.abs(preprocessing.apply(image).astype(int) - expected).max() <= 1


@pytest.mark.parametrize("shape", [(1, 1), (1, 20000), (20000, 1), (3, 7)])
@pytest.mark.parametrize("preprocessing", [GREY, COLOUR])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_shape_gives_a_square(shape, preprocessing, channels):
    result = preprocessing.apply(np.full((*shape, channels), 77, np.uint8))
    assert result.shape == (preprocessing.size, preprocessing.size, preprocessing.channels)
    assert result.dtype == np.uint8 and result.flags.c_contiguous
    assert np.abs(result.astype(int) - 77).max() <= 1


@pytest.mark.parametrize("bad", [noise(5, 5), noise(5, 5, 4), noise(0, 5, 1), np.zeros((5, 5, 1), np.float32)])
def test_what_is_no_image_is_refused(bad):
    with pytest.raises(LookalikeError, match="uint8"):
        GREY.apply(bad)


@pytest.mark.parametrize("preprocessing", [GREY, COLOUR])
def test_json_keeps_every_field_and_the_digest(preprocessing):
    again = Preprocessing.from_json(json.loads(json.dumps(preprocessing.to_json())))
    assert again == preprocessing and digest_of(again) == digest_of(preprocessing)


def test_every_field_is_in_the_digest():
    other = {"size": 33, "mean": (0.4,) * 3, "std": (0.4,) * 3, "resize": "stretch", "crop": 0.9, "filter": "bilinear"}
    digests = {digest_of(dataclasses.replace(COLOUR, **{name: value})) for name, value in other.items()}
    assert len(digests | {digest_of(COLOUR), digest_of(GREY)}) == len(other) + 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("size", 0), ("size", 2.5), ("channels", 2), ("mean", [0.5]), ("std", [0.5, 0.5, 0]), ("std", [0.5, 0.5, "x"]),
        ("resize", "squash"), ("crop", 0), ("filter", "nearest"), ("decode", 99), ("decode", 0),
        ("decode", True),
    ],
)  # fmt: skip
def test_an_impossible_field_is_named(field, value):
    with pytest.raises(LookalikeError, match=field):
        Preprocessing.from_json(COLOUR.to_json() | {field: value})


def test_models_of_earlier_decoding_rules_load_and_keep_their_digest():
    earlier = COLOUR.to_json() | {"decode": 1}
    loaded = Preprocessing.from_json(earlier)
    assert loaded.to_json() == earlier
    # The digest that lookalike gave while the rules were 1: it names vectors that are stored already.
    assert digest_of(loaded) == "0df634297029af7a7099f29f496a2280777c33ee2e83bb6f023c10560b49fb6b"
    assert digest_of(loaded) != digest_of(COLOUR)


def test_missing_and_unknown_fields_are_refused():
    values = COLOUR.to_json()
    for damaged in ({**values, "gamma": 2}, {k: v for k, v in values.items() if k != "mean"}):
        with pytest.raises(LookalikeError, match="fields"):
            Preprocessing.from_json(damaged)
