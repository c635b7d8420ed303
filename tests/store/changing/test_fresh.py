"""A collection that is made for nothing is unmade; one that holds anything, or was there before, stays."""

import numpy as np
import pytest

from lookalike.store.changing.fresh import opened_or_made
from lookalike.store.changing.staging import stage
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeError
from lookalike.store.files.parts import Rows
from lookalike.store.version.store import Store

ROWS = Rows.of_vectors(["a"], np.eye(2, dtype=np.float32)[:1], None, "s")


def refused(path, work=lambda store: None):
    with pytest.raises(LookalikeError, match="refused"), opened_or_made(path) as store:
        work(store)
        raise LookalikeError("refused")


def model(store):
    with writing(store) as writer:
        writer.set_model("0" * 64, 2, "fp32", {"encoder.json": b"{}"})
        writer.commit()


def row(store):
    with writing(store) as writer:
        stage(writer, ROWS, None)
        writer.commit()


def uncommitted(store):
    with writing(store) as writer:
        stage(writer, ROWS, None)


@pytest.mark.parametrize("work", [lambda store: None, model, uncommitted])
def test_what_was_made_for_nothing_is_removed_with_its_parents(tmp_path, work):
    refused(tmp_path / "new" / "deeper" / "shop", work)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_was_there_stays_empty(tmp_path):
    (tmp_path / "shop").mkdir()
    refused(tmp_path / "shop", model)
    assert [path.name for path in tmp_path.iterdir()] == ["shop"] and list((tmp_path / "shop").iterdir()) == []


def test_files_of_others_stay(tmp_path):
    refused(tmp_path / "shop", lambda store: (tmp_path / "shop" / "notes.txt").write_text("mine"))
    assert [path.name for path in (tmp_path / "shop").iterdir()] == ["notes.txt"]


def test_rows_stay(tmp_path):
    refused(tmp_path / "shop", row)
    assert Store.open(tmp_path / "shop").rows == 1


def test_a_collection_that_was_there_stays(tmp_path):
    Store.create(tmp_path / "shop").close()
    refused(tmp_path / "shop")
    assert Store.open(tmp_path / "shop").version == 1


def test_a_collection_that_another_one_writes_to_stays(tmp_path):
    with Store.create(tmp_path / "other") as other:
        pass
    from lookalike.store.disk.lock import writer_lock

    with (
        pytest.raises(LookalikeError, match="refused"),
        writer_lock(other.path),
        opened_or_made(tmp_path / "s") as made,
    ):
        held = writer_lock(made.path)
        held.__enter__()
        raise LookalikeError("refused")
    assert Store.open(tmp_path / "s").version == 1
    held.__exit__(None, None, None)


def test_what_cannot_be_made_is_left_as_it_is(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "notes.txt").write_text("mine")
    with pytest.raises(LookalikeError, match=r"holds 'notes\.txt'"), opened_or_made(tmp_path / "shop"):
        raise AssertionError
    assert (tmp_path / "shop" / "notes.txt").read_text() == "mine"
