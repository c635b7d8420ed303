import os

import pytest

from lookalike.store.disk import rename as module
from lookalike.store.disk.rename import renamed_if_free


def test_a_free_name_is_taken_and_a_taken_one_never(tmp_path):
    (tmp_path / "a").write_bytes(b"a")
    (tmp_path / "b").write_bytes(b"b")
    if not renamed_if_free(tmp_path / "a", tmp_path / "free"):
        pytest.skip("this file system cannot rename without replacing")
    with pytest.raises(FileExistsError):
        renamed_if_free(tmp_path / "free", tmp_path / "b")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"free": b"a", "b": b"b"}


@pytest.mark.parametrize("answer", [None, *module._UNABLE])
def test_where_the_system_cannot_nothing_is_done(tmp_path, monkeypatch, answer):
    monkeypatch.setattr(module, "_call", lambda *_: answer)
    assert renamed_if_free(tmp_path / "a", tmp_path / "b") is False
    assert os.listdir(tmp_path) == []
