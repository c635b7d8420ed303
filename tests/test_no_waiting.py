"""A pipe, a device or a socket where a file is expected is named at once, in every command: nothing waits for it."""

import os
import signal
import socket

import numpy as np
import pytest
from click.testing import CliRunner

from lookalike import Collection
from lookalike.cli import cli
from lookalike.embedder.encoders.encoder import save_encoder
from lookalike.store.errors import LookalikeError
from lookalike.tests.embedder.conftest import image_bytes, untrained

NAMED = {
    "fifo": "is a pipe, not a regular file",
    "zero": "is a device, not a regular file",
    "socket": "is a socket, not a regular file",
}


@pytest.fixture(autouse=True)
def in_time():
    """Fail, rather than hang, where something waits."""

    def late(*_):
        raise AssertionError("waited for a file that never comes")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(60)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with a model, a collection of four images in two classes, and vectors."""
    folder = tmp_path_factory.mktemp("waiting")
    save_encoder(folder / "model", untrained())
    for number in range(4):
        (folder / f"photos/{number % 2}").mkdir(parents=True, exist_ok=True)
        (folder / f"photos/{number % 2}/{number}.png").write_bytes(image_bytes(number))
    np.save(folder / "vectors.npy", np.eye(3, dtype=np.float32))
    with Collection.create(folder / "shop") as shop:
        shop.embed(folder / "photos", model=folder / "model")
    return folder


def special(kind, path):
    """Put a FIFO, a link to a device, or a socket at `path`."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    else:
        here = os.getcwd()
        os.chdir(path.parent)  # the name of a socket is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
        os.chdir(here)
    return path


def said(*arguments):
    result = CliRunner().invoke(cli, [str(word) for word in arguments])
    assert result.exit_code != 0
    return str(result.exception) if isinstance(result.exception, LookalikeError) else result.output


@pytest.mark.parametrize("kind", NAMED)
def test_what_is_read_whole_says_what_it_is(made, tmp_path, kind):
    table, parquet, npy, recipe, text = (
        special(kind, tmp_path / name) for name in ("t.csv", "t.parquet", "v.npy", "r.toml", "keys.txt")
    )
    shop, other = made / "shop", tmp_path / "other"
    for arguments in (
        ("embed", other, table, "--model", made / "model"),
        ("embed", other, parquet, "--model", made / "model"),
        ("train", recipe, "--out", tmp_path / "trained"),
        ("train", "glyphs", "--out", tmp_path / "trained", "--data", table),
        ("import", other, npy),
        ("import", other, made / "vectors.npy", "--keys", text),
        ("import", other, made / "vectors.npy", "--labels", text),
        ("search", shop, npy),
        ("classify", shop, npy),
        ("calibrate", shop, table),
        ("evaluate", shop, table),
    ):
        assert NAMED[kind] in said(*arguments), arguments
    assert not other.exists() or not Collection.open(other)


@pytest.mark.parametrize("kind", NAMED)
def test_an_image_that_is_none_is_rejected(made, tmp_path, kind):
    image = special(kind, tmp_path / "q.jpg")
    assert "not a regular file" in said("search", made / "shop", image)
    assert "not a regular file" in said("compare", image, made / "photos/0/0.png", "--model", made / "model")
    result = CliRunner().invoke(cli, ["embed", str(tmp_path / "other"), str(image), "--model", str(made / "model")])
    assert result.exit_code == 0 and "not a regular file" in result.output


@pytest.mark.parametrize("kind", NAMED)
@pytest.mark.parametrize("name", ["encoder.json", "encoder.safetensors"])
def test_a_models_file_that_is_none(made, tmp_path, kind, name):
    model = tmp_path / "model"
    save_encoder(model, untrained())
    (model / name).unlink()
    special(kind, model / name)
    assert NAMED[kind] in said("embed", tmp_path / "other", made / "photos", "--model", model)
    photo = made / "photos/0/0.png"
    assert NAMED[kind] in said("compare", photo, photo, "--model", model)


@pytest.mark.parametrize("kind", NAMED)
def test_a_collections_file_that_is_none(made, tmp_path, kind):
    (tmp_path / "shop/manifests").mkdir(parents=True)
    special(kind, tmp_path / "shop/manifests/00000001.json")
    words = said("info", tmp_path / "shop")
    assert words.startswith("cannot open version 1") or NAMED[kind] in words


@pytest.mark.parametrize("kind", NAMED)
def test_idx_files_that_are_none(made, tmp_path, kind):
    images, labels = special(kind, tmp_path / "images.gz"), special(kind, tmp_path / "labels.gz")
    assert NAMED[kind] in said("embed", tmp_path / "other", f"{images}:{labels}", "--model", made / "model")
