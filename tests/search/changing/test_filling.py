"""What follows filling a collection: its tail is indexed when the filling is done, and never gets in an error's way."""

import pytest

from lookalike.search import images
from lookalike.search.changing import filling
from lookalike.store.errors import LookalikeError, TooManyRejects


@pytest.fixture
def grown(monkeypatch):
    """The collections whose tails were indexed."""
    paths: list = []
    monkeypatch.setattr(filling, "grow", lambda path, device, progress: paths.append(path))
    return paths


WAYS = [
    (lambda path: filling.embed(path, "photos"), images, "embed"),
    (lambda path: filling.import_file(path, "vectors.npy"), filling, "import_vectors"),
]


@pytest.mark.parametrize(("fill", "module", "name"), WAYS)
@pytest.mark.parametrize("error", [KeyboardInterrupt(), LookalikeError("cannot write: the disk is full")])
def test_what_stops_the_filling_is_told_at_once(tmp_path, monkeypatch, grown, fill, module, name, error):
    """Building an index first would take minutes, or fail and hide the reason."""

    def stopped(*_, **__):
        raise error

    monkeypatch.setattr(module, name, stopped)
    with pytest.raises(type(error)) as raised:
        fill(tmp_path)
    assert raised.value is error and grown == []


@pytest.mark.parametrize(("fill", "module", "name"), WAYS)
def test_a_tail_is_indexed_after_the_filling(tmp_path, monkeypatch, grown, fill, module, name):
    monkeypatch.setattr(module, name, lambda *_, **__: {"seen": 1})
    assert fill(tmp_path) == {"seen": 1}
    assert grown == [tmp_path]


def test_a_tail_is_indexed_where_only_too_many_images_were_rejected(tmp_path, monkeypatch, grown):
    def rejecting(*_, **__):
        raise TooManyRejects("2 of 3", {})

    monkeypatch.setattr(images, "embed", rejecting)
    with pytest.raises(TooManyRejects):
        filling.embed(tmp_path, "photos")
    assert grown == [tmp_path]
