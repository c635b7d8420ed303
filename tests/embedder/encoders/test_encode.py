"""Questions take the same way as stored images, so that the same image gives the same vector."""

import hashlib

import numpy as np
import pytest
from PIL import Image

from lookalike.embedder.encoders.encode import encode_images, encode_source
from lookalike.embedder.sources import open_source
from lookalike.embedder.syncing.sync import embed
from lookalike.store.errors import LookalikeError
from lookalike.store.version.store import Store


@pytest.fixture
def photos(tmp_path, image):
    root = tmp_path / "photos"
    for number in range(200):
        path = root / f"{'cat' if number % 2 else 'dog'}/{number:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"bad" if number in (3, 150) else image(number % 190))
    (root / "notes.txt").write_text("x")
    return root


def test_a_source_gives_what_embedding_it_stores(tmp_path, photos, encoder, model):
    told = []
    encoded = encode_source(encoder, open_source(photos), lambda *what: told.append(what))
    embed(tmp_path / "shop", str(photos), model=model)
    store = Store.open(tmp_path / "shop")
    rows = store.find(encoded.keys)
    assert (rows >= 0).all() and len(rows) == store.rows == 198
    np.testing.assert_allclose(encoded.vectors, store.gather(rows), atol=1e-6)
    assert encoded.labels == store.labels(rows) and encoded.contents == store.facts(rows).content
    assert (encoded.rejected, encoded.ignored) == (2, 1)
    assert told[-1] == (200, None, "images read, 2 rejected")
    assert encoded.contents[0] == hashlib.sha256((photos / encoded.keys[0]).read_bytes()).hexdigest()


def test_queries_are_answered_one_by_one(photos, encoder):
    good, also = photos / "cat/001.png", photos / "dog/002.png"
    with Image.open(also) as opened:
        answers = encode_images(encoder, [good, photos / "cat/003.png", opened, str(photos / "nowhere.png"), photos])
    alone = encode_images(encoder, [good])[0]
    np.testing.assert_allclose(answers[0], alone, atol=1e-6)
    np.testing.assert_allclose(answers[2], encode_images(encoder, [also])[0], atol=1e-6)
    for answer, words in ((answers[1], "not an image"), (answers[3], "no such file"), (answers[4], "folder")):
        assert isinstance(answer, LookalikeError)
        assert words in str(answer) and "\n" not in str(answer)
    assert encode_images(encoder, []) == []


def test_a_source_without_images_is_empty(tmp_path, encoder):
    (tmp_path / "empty").mkdir()
    encoded = encode_source(encoder, open_source(tmp_path / "empty"))
    assert encoded.vectors.shape == (0, 16) and encoded.keys == []
