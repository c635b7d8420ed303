"""A training's state: everything in it comes back, and a file is a whole checkpoint or the one before."""

import numpy as np
import pytest
import torch

from lookalike.embedder.encoders import sealed
from lookalike.embedder.recipe.recipe import Recipe
from lookalike.embedder.training import checkpoint
from lookalike.embedder.training.trainer import Trainer
from lookalike.store.errors import LookalikeError

RECIPE = Recipe.from_dict(
    {"image": {"size": 16}, "model": {"dim": 4}, "batch": {"classes": 2, "images": 2}, "training": {"steps": 9}}
)

OTHERS = {"recipe": {}, "data": "digest", "threads": 1}


def trainer(loss="triplet"):
    images = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 1), dtype=np.uint8)
    codes = np.arange(12) % 3
    recipe = (
        RECIPE if loss == "triplet" else Recipe.from_dict({**RECIPE.to_dict(), "loss": {"name": loss}, "mining": {}})
    )
    return Trainer(recipe, images, codes, np.arange(9), np.arange(9, 12), torch.device("cpu"))


def test_every_part_of_the_state_comes_back(tmp_path):
    before, after = trainer(), trainer()
    before.advance()
    before.validate()
    best = {name: tensor.clone() for name, tensor in before.best.items()}
    before.advance()
    before.stale, before.collapsed, before.seconds, before.bf16 = 3, 1, 12.5, not before.bf16
    tensors, notes = before.state()
    checkpoint.write(tmp_path, tensors, {**OTHERS, **notes})
    tensors, notes = checkpoint.read(tmp_path)
    assert notes.items() >= OTHERS.items()
    after.restore(tensors, notes, tmp_path)
    for name in ("step", "best_step", "best_score", "stale", "collapsed", "history", "seconds", "bf16", "running"):
        assert getattr(after, name) == getattr(before, name), name
    assert (after.step, after.best_step) == (2, 1)
    assert after.running.means()["loss"] is not None
    assert all(after.best[name].equal(best[name]) for name in best)
    assert any(not after.best[name].equal(tensor) for name, tensor in after.network.state_dict().items())
    for mine, theirs in zip(after.network.parameters(), before.network.parameters(), strict=True):
        assert torch.equal(mine, theirs) and mine.stride() == theirs.stride()
        for name, value in before.optimiser.state[theirs].items():
            assert torch.equal(after.optimiser.state[mine][name], value), name
            assert after.optimiser.state[mine][name].stride() == value.stride(), name


def test_the_losss_own_parameters_are_part_of_the_state(tmp_path):
    before, after = trainer("softmax"), trainer("softmax")
    before.advance()
    before.validate()
    best = before.objective.loss.weight.detach().clone()
    before.advance()
    checkpoint.write(tmp_path, before.state()[0], {**OTHERS, **before.state()[1]})
    after.restore(*checkpoint.read(tmp_path), tmp_path)
    assert torch.equal(after.best_loss["weight"], best)
    assert torch.equal(after.objective.loss.weight, before.objective.loss.weight)
    assert not torch.equal(after.objective.loss.weight, best)
    assert len(after.optimiser.state) == len(before.optimiser.state) == len(list(before.network.parameters())) + 1
    before.advance()
    after.advance()
    assert torch.equal(after.objective.loss.weight, before.objective.loss.weight)
    with pytest.raises(LookalikeError, match="lacks the weights weight"):
        trainer("softmax").restore(*trainer().state(), tmp_path)


def test_a_write_that_fails_leaves_the_one_before(tmp_path, monkeypatch):
    notes = {**OTHERS, **trainer().state()[1]}
    checkpoint.write(tmp_path, {"a": torch.ones(2)}, {**notes, "step": 1})

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(LookalikeError, match="disk is full"):
        checkpoint.write(tmp_path, {"a": torch.zeros(2)}, {**notes, "step": 2})
    tensors, notes = checkpoint.read(tmp_path)
    assert tensors["a"].tolist() == [1, 1] and notes["step"] == 1
    assert [path.name for path in tmp_path.iterdir()] == [checkpoint.NAME]


@pytest.mark.parametrize("notes", ["{}", "no json", "[1]"])
def test_a_sealed_file_that_is_no_checkpoint_is_refused(tmp_path, notes):
    (tmp_path / checkpoint.NAME).write_bytes(sealed.to_bytes({"a": torch.ones(1)}, notes))
    with pytest.raises(LookalikeError, match=r"not a checkpoint|format None"):
        checkpoint.read(tmp_path)


@pytest.mark.parametrize("name", checkpoint.NOTES)
@pytest.mark.parametrize("value", [None, "absent"])
def test_a_note_that_is_missing_or_wrong_is_one_clear_error(tmp_path, name, value):
    tensors, notes = trainer().state()
    notes = {**OTHERS, **notes, name: value}
    if value == "absent":
        del notes[name]
    checkpoint.write(tmp_path, tensors, notes)
    with pytest.raises(LookalikeError, match=rf"{checkpoint.NAME}.*'{name}'.*another folder") as caught:
        checkpoint.read(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tensors: tensors.pop("network.project.bias"), "lacks the weights project.bias"),
        (lambda tensors: tensors.pop("best.project.bias"), "lacks the weights project.bias"),
        (lambda tensors: tensors.update({"network.project.bias": torch.ones(9)}), "project.bias have shape"),
        (lambda tensors: tensors.update({"network.more": torch.ones(9)}), "has weights more,"),
        (lambda tensors: tensors.update({"optimiser.99.step": torch.ones(1)}), r"optimiser\.99\.step"),
        (lambda tensors: tensors.update({"optimiser.x.step": torch.ones(1)}), r"optimiser\.x\.step"),
    ],
)
def test_weights_of_another_network_are_refused(tmp_path, change, words):
    tensors, notes = trainer().state()
    change(tensors)
    with pytest.raises(LookalikeError, match=rf"{checkpoint.NAME}.*{words}"):
        trainer().restore(tensors, notes, tmp_path / checkpoint.NAME)


def test_notes_of_others_set_nothing(tmp_path):
    tensors, notes = trainer().state()
    after = trainer()
    after.restore(tensors, {**notes, "recipe": "another", "network": None}, tmp_path)
    assert after.recipe is RECIPE and after.network is not None
