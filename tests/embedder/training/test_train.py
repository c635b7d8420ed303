"""Training: it learns, stops and goes on bit for bit, keeps the best weights, and says so when it comes to nothing."""

import json
import shutil
import types

import numpy as np
import pytest
import safetensors.torch
import torch

from lookalike.embedder.encoders import files as encoder_file
from lookalike.embedder.encoders.encoder import Encoder
from lookalike.embedder.recipe.recipe import Recipe, load_recipe
from lookalike.embedder.training import checkpoint, objective
from lookalike.embedder.training.train import train_arrays
from lookalike.store.errors import LookalikeError, LookalikeWarning


def stripes(per_class=16, classes=6, size=16, seed=0):
    """Images of a class: stripes of its own direction, shifted and noisy."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    images, labels = [], []
    for c in range(classes):
        for _ in range(per_class):
            wave = np.sin(
                1.2 * (x * np.cos(c * np.pi / classes) + y * np.sin(c * np.pi / classes)) + random.random() * 6
            )
            images.append(127 + 70 * wave + 25 * random.standard_normal((size, size)))
            labels.append(f"class {c}")
    return np.clip(images, 0, 255).astype(np.uint8)[..., None], labels


def recipe(**sections):
    values = {
        "data": {"validation_classes": 0},
        "image": {"size": 16, "flip": True, "shift": 0.1, "jitter": 0.2},
        "model": {"dim": 8},
        "batch": {"classes": 4, "images": 4},
        "optimiser": {"lr": 0.002, "weight_decay": 0.01},
        "training": {"steps": 12, "validate_every": 4, "patience": 0},
    }
    for name, keys in sections.items():
        values[name] = values.get(name, {}) | keys
    return Recipe.from_dict(values)


@pytest.fixture(autouse=True)
def _one_thread():
    """More cost time on networks this small, and much of it where cores are shared."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Killed(Exception):
    """Stands for a process that dies."""


def killed_after(step):
    def progress(done, total, note):
        if done == step:
            raise Killed

    return progress


def weights(folder):
    return safetensors.torch.load_file(folder / encoder_file.WEIGHTS)


@pytest.mark.parametrize(
    ("backbone", "kill_at", "threads"),
    [("conv4", [2], 1), ("conv4", [6], 2), ("conv4", [5, 11], 1), ("conv4", [12], 1), ("resnet", [7], 1)],
)
def test_a_resumed_training_gives_the_same_bits(tmp_path, backbone, kill_at, threads):
    torch.set_num_threads(threads)
    images, labels = stripes()
    settings = recipe(model={"backbone": backbone, "dim": 8}, training={"precision": "auto", "seed": 3})
    whole = train_arrays(images, labels, settings, tmp_path / "whole")
    for number, step in enumerate(kill_at):
        with pytest.raises(Killed):
            train_arrays(images, labels, settings, tmp_path / "parts", resume=number > 0, progress=killed_after(step))
    if checkpoint.exists(tmp_path / "parts"):
        resumed = train_arrays(images, labels, settings, tmp_path / "parts", resume=True)
    else:
        assert kill_at == [2]  # nothing was kept yet, so there is nothing to go on from
        resumed = train_arrays(images, labels, settings, tmp_path / "parts")
    assert whole.threads == resumed.threads == threads
    once, twice = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert once.keys() == twice.keys()
    assert [name for name in once if once[name].numpy().tobytes() != twice[name].numpy().tobytes()] == []
    assert any(name.endswith("running_var") for name in once)
    assert resumed.history == whole.history and resumed.best_step == whole.best_step
    assert not checkpoint.exists(tmp_path / "parts")


def test_checkpoints_between_validations_give_the_same_bits_and_history(tmp_path, monkeypatch):
    images, labels = stripes()
    settings = recipe(training={"steps": 11, "validate_every": 5})
    whole = train_arrays(images, labels, settings, tmp_path / "whole")
    monkeypatch.setattr("lookalike.embedder.training.train.CHECKPOINT_SECONDS", 0)
    for number, step in enumerate((3, 5, 9)):
        with pytest.raises(Killed):
            train_arrays(images, labels, settings, tmp_path / "parts", resume=number > 0, progress=killed_after(step))
        assert checkpoint.read(tmp_path / "parts")[1]["step"] == step - 1
    resumed = train_arrays(images, labels, settings, tmp_path / "parts", resume=True)
    once, twice = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert [name for name in once if once[name].numpy().tobytes() != twice[name].numpy().tobytes()] == []
    assert resumed.history == whole.history and resumed.best_step == whole.best_step


def test_a_checkpoint_is_written_with_each_validation_and_once_the_last_is_a_minute_old(tmp_path, monkeypatch):
    now, steps, write = [0.0], [], checkpoint.write
    monkeypatch.setattr("lookalike.embedder.training.train.time", types.SimpleNamespace(monotonic=lambda: now[0]))

    def noted(folder, tensors, notes):
        steps.append(notes["step"])
        write(folder, tensors, notes)

    monkeypatch.setattr(checkpoint, "write", noted)
    settings = recipe(training={"steps": 12, "validate_every": 5})
    train_arrays(*stripes(), settings, tmp_path, progress=lambda done, *_: now.__setitem__(0, 25.0 * done))
    assert steps == [3, 5, 8, 10, 12]


LOSSES = [
    {"loss": {"name": "triplet", "margin": "soft", "distance": "manhattan"}, "mining": {"name": "distance-weighted"}},
    {"mining": {"name": "facenet-mix"}},
    {"loss": {"name": "contrastive"}},
    {"loss": {"name": "pairs"}},
    {"loss": {"name": "prototypical", "shots": 2}},
    {"loss": {"name": "softmax"}},
    {"loss": {"name": "pml:ProxyAnchorLoss"}},
    {"loss": {"name": "pml:DynamicSoftMarginLoss"}},
]


@pytest.mark.parametrize("sections", LOSSES, ids=lambda sections: str(sections))
def test_every_loss_resumes_to_the_same_bits_its_own_parameters_too(tmp_path, needs, sections):
    if "pml" in str(sections):
        needs("pytorch_metric_learning")
    images, labels = stripes()
    settings = recipe(**sections, training={"validate_every": 3, "steps": 9})
    whole = train_arrays(images, labels, settings, tmp_path / "whole")
    with pytest.raises(Killed):
        train_arrays(images, labels, settings, tmp_path / "parts", progress=killed_after(5))
    resumed = train_arrays(images, labels, settings, tmp_path / "parts", resume=True)
    assert resumed.history == whole.history
    names = {path.name for path in (tmp_path / "whole").iterdir()}
    for name in names & {encoder_file.WEIGHTS, objective.WEIGHTS}:
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "parts" / name).read_bytes()
    own = [name for name in ("pairs", "softmax", "pml") if name in str(sections)]
    assert (objective.WEIGHTS in names) == bool(own)
    assert not any("loss" in name or "proxies" in name for name in weights(tmp_path / "whole"))


@pytest.mark.parametrize(
    "sections",
    [
        {"loss": {"distance": "cosine"}, "mining": {"name": "random"}},
        {"loss": {"margin": "soft", "distance": "squared-euclidean"}, "mining": {"name": "all"}},
        *LOSSES[:-1],
    ],
    ids=lambda sections: str(sections),
)
def test_every_loss_learns_classes_it_has_never_seen(tmp_path, needs, sections):
    if "pml" in str(sections):
        needs("pytorch_metric_learning")
    images, labels = stripes(classes=8)
    settings = recipe(
        **sections,
        data={"validation_classes": 0.25},
        training={"steps": 60, "validate_every": 30},
        optimiser={"lr": 0.004},
    )
    history = train_arrays(images, labels, settings, tmp_path).history
    assert history[-1]["map_at_r"] > 0.9 > history[0]["map_at_r"]
    assert history[-1]["gap"] > 3 * history[0]["gap"]
    assert history[-1]["gap"] == pytest.approx(history[-1]["between"] - history[-1]["within"])


def test_the_parameters_of_a_loss_are_those_beside_the_best_weights(tmp_path):
    images, labels = stripes()
    settings = recipe(loss={"name": "softmax"}, training={"steps": 60, "validate_every": 20})
    train_arrays(images, labels, settings, tmp_path)
    encoder, loss = Encoder.load(tmp_path), objective.trained_loss(tmp_path)
    logits = loss.logits(torch.from_numpy(encoder.encode(images)))
    named = [encoder.training_classes[column] for column in logits.argmax(1)]
    assert np.mean([name == label for name, label in zip(named, labels, strict=True)]) > 0.6
    train_arrays(images, labels, recipe(training={"steps": 4}), tmp_path / "triplet")
    with pytest.raises(LookalikeError, match="triplet has no parameters"):
        objective.trained_loss(tmp_path / "triplet")
    (tmp_path / objective.WEIGHTS).unlink()
    with pytest.raises(LookalikeError, match=objective.WEIGHTS):
        objective.trained_loss(tmp_path)


def test_a_loss_that_is_not_there_is_refused_before_any_work(tmp_path, needs):
    needs("pytorch_metric_learning")
    settings = recipe(loss={"name": "pml:ProxyAnkerLoss"})
    with pytest.raises(LookalikeError, match="did you mean 'ProxyAnchorLoss'"):
        train_arrays(*stripes(), settings, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_the_seed_decides_the_weights(tmp_path):
    images, labels = stripes()
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train_arrays(images, labels, recipe(training={"seed": seed, "steps": 4}), tmp_path / name)
    a, b, c = (weights(tmp_path / name)["project.weight"] for name in "abc")
    assert a.equal(b) and not a.equal(c)


def test_it_learns_classes_it_has_never_seen(tmp_path):
    images, labels = stripes(classes=8)
    settings = recipe(data={"validation_classes": 0.25}, training={"steps": 60, "validate_every": 20})
    card = train_arrays(images, labels, settings, tmp_path)
    untrained = train_arrays(
        images, labels, recipe(data={"validation_classes": 0.25}, training={"steps": 0}), tmp_path / "0"
    )
    assert len(card.training_classes) == 6
    assert card.scores["map_at_r"] > 0.9 > untrained.scores["map_at_r"]
    assert (untrained.steps, untrained.best_step, untrained.ended) == (0, 0, "steps")


def test_the_best_weights_are_kept(tmp_path):
    images, labels = stripes()
    card = train_arrays(images, labels, recipe(training={"steps": 40, "validate_every": 5}), tmp_path)
    values = [entry["map_at_r"] for entry in card.history]
    best = next(entry for entry in card.history if entry["step"] == card.best_step)
    assert best["map_at_r"] == max(values)
    assert card.scores["map_at_r"] == pytest.approx(best["map_at_r"], abs=0.05)  # folded, maybe in bf16


def test_patience_stops_early(tmp_path):
    images, labels = stripes()
    settings = recipe(training={"steps": 4000, "validate_every": 1, "patience": 2}, optimiser={"lr": 1e-8})
    card = train_arrays(images, labels, settings, tmp_path)
    assert card.ended == "patience" and card.steps < 40


def test_patience_does_not_count_what_measured_nothing(tmp_path):
    images, labels = stripes(per_class=5)  # a tenth of five is none, so no image is kept out
    card = train_arrays(images, labels, recipe(training={"validate_every": 2, "patience": 1}), tmp_path)
    assert {entry["map_at_r"] for entry in card.history} == {None}
    assert (card.ended, card.steps, card.best_step) == ("steps", 12, 12)


def test_named_classes_are_kept_out(tmp_path):
    images, labels = stripes()
    settings = recipe(data={"validation_classes": ["class 1", "class 4"]}, training={"steps": 4})
    card = train_arrays(images, labels, settings, tmp_path)
    assert card.training_classes == ["class 0", "class 2", "class 3", "class 5"]
    assert Encoder.load(tmp_path).training_classes == card.training_classes
    with pytest.raises(LookalikeError, match="'class 9'"):
        train_arrays(images, labels, recipe(data={"validation_classes": ["class 9"]}), tmp_path / "other")


@pytest.mark.parametrize("per_class", [16, 5])  # of five, none is kept out for validation
def test_a_collapsed_embedding_is_refused(tmp_path, per_class):
    images, labels = stripes(per_class)
    images[:] = 9  # nothing to tell apart
    with pytest.raises(LookalikeError, match=r"collapsed.*optimiser.lr"):
        train_arrays(images, labels, recipe(data={"validation_classes": 0}, training={"steps": 40}), tmp_path)
    assert not (tmp_path / encoder_file.CARD).exists()


def test_an_embedding_no_better_than_chance_is_said_so(tmp_path):
    images, labels = stripes(per_class=200, classes=4)
    images[:] = np.random.default_rng(0).integers(0, 256, images.shape)
    with pytest.warns(LookalikeWarning, match="barely above chance"):
        train_arrays(images, labels, recipe(training={"steps": 4}), tmp_path)


def test_nothing_is_written_over(tmp_path):
    images, labels = stripes()
    train_arrays(images, labels, recipe(training={"steps": 4}), tmp_path)
    before = (tmp_path / encoder_file.WEIGHTS).read_bytes()
    with pytest.raises(LookalikeError, match="already holds an encoder"):
        train_arrays(images, labels, recipe(training={"steps": 4}), tmp_path)
    again = train_arrays(images, labels, recipe(training={"steps": 4}), tmp_path, resume=True)
    assert again.digest == Encoder.load(tmp_path).digest
    with pytest.raises(LookalikeError, match="another recipe"):
        train_arrays(images, labels, recipe(training={"steps": 5}), tmp_path, resume=True)
    with pytest.raises(LookalikeError, match="another source"):
        train_arrays(images[::-1].copy(), labels, recipe(training={"steps": 4}), tmp_path, resume=True)
    assert (tmp_path / encoder_file.WEIGHTS).read_bytes() == before


def test_a_soft_margin_from_before_it_had_a_scale_is_one_of_scale_1(tmp_path):
    images, labels = stripes()
    soft = {"mining": {"name": "all"}, "training": {"steps": 4}}
    once = recipe(loss={"margin": "soft", "scale": 1.0}, **soft)
    train_arrays(images, labels, once, tmp_path)
    report = json.loads((tmp_path / "training.json").read_text())
    del report["recipe"]["loss"]["scale"]
    (tmp_path / "training.json").write_text(json.dumps(report))
    assert train_arrays(images, labels, once, tmp_path, resume=True).steps == 4
    with pytest.raises(LookalikeError, match="another recipe"):
        train_arrays(images, labels, recipe(loss={"margin": "soft"}, **soft), tmp_path, resume=True)


def test_resuming_needs_the_same_recipe_and_data(tmp_path):
    images, labels = stripes()
    with pytest.raises(Killed):
        train_arrays(images, labels, recipe(), tmp_path, progress=killed_after(6))
    with pytest.raises(LookalikeError, match=r"unfinished training.*--resume"):
        train_arrays(images, labels, recipe(), tmp_path)
    with pytest.raises(LookalikeError, match="another recipe"):
        train_arrays(images, labels, recipe(optimiser={"lr": 0.5}), tmp_path, resume=True)
    with pytest.raises(LookalikeError, match="another source"):
        train_arrays(images[::-1].copy(), labels, recipe(), tmp_path, resume=True)


def test_a_damaged_checkpoint_is_refused(tmp_path):
    images, labels = stripes()
    with pytest.raises(Killed):
        train_arrays(images, labels, recipe(), tmp_path / "whole", progress=killed_after(6))
    content = (tmp_path / "whole" / checkpoint.NAME).read_bytes()
    flipped = [
        content[:at] + bytes([content[at] ^ 64]) + content[at + 1 :] for at in (60, len(content) // 2, len(content) - 1)
    ]
    cut = (content[:-1], content[:40], b"", b"\x80\x04\x95pickle", content[:8] + b"x" * 99)
    for number, damaged in enumerate((*cut, *flipped)):
        shutil.copytree(tmp_path / "whole", tmp_path / str(number))
        (tmp_path / str(number) / checkpoint.NAME).write_bytes(damaged)
        with pytest.raises(LookalikeError, match=checkpoint.NAME) as error:
            train_arrays(images, labels, recipe(), tmp_path / str(number), resume=True)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("labels", "words"),
    [(["a"] * 96, "needs two or more"), ([str(i) for i in range(96)], "two images")],
)
def test_classes_that_do_not_suffice_are_refused(tmp_path, labels, words):
    with pytest.raises(LookalikeError, match=words):
        train_arrays(stripes()[0], labels, recipe(), tmp_path)


def test_images_of_another_size_are_refused(tmp_path):
    images, labels = stripes(size=20)
    with pytest.raises(LookalikeError, match=r"uint8 \(96, 20, 20, 1\).*16, 16, 1"):
        train_arrays(images, labels, recipe(), tmp_path)


def test_the_progress_line_and_the_history_tell_how_it_goes(tmp_path):
    images, labels = stripes()
    notes = []
    card = train_arrays(
        images, labels, recipe(), tmp_path, progress=lambda done, total, note: notes.append((done, total, note))
    )
    assert [(done, total) for done, total, _ in notes] == [(step, 12) for step in range(1, 13)]
    assert all(word in notes[-1][2] for word in ("loss", "active", "positive", "negative", "recall@1"))
    assert [entry["step"] for entry in card.history] == [0, 4, 8, 12]
    first, *others = card.history
    assert {first[name] for name in ("loss", "active", "positive", "negative")} == {None}
    for entry in others:
        assert 0 < entry["active"] < 1 and entry["loss"] > 0 and 0 < entry["positive"] < 2 and 0 < entry["negative"] < 2
    for entry in card.history:
        assert entry["gap"] == pytest.approx(entry["between"] - entry["within"]) and entry["within"] > 0
    report = json.loads((tmp_path / "training.json").read_text())
    assert report["card"] == card.to_json() and report["recipe"] == recipe().to_dict()
    assert json.loads((tmp_path / encoder_file.CARD).read_text())["history"] == card.history


def test_what_a_loss_does_not_have_is_not_shown(tmp_path, needs):
    needs("pytorch_metric_learning")
    notes = []
    train_arrays(
        *stripes(),
        recipe(loss={"name": "pml:NTXentLoss"}),
        tmp_path,
        progress=lambda done, total, note: notes.append(note),
    )
    assert "loss" in notes[-1] and "positive" in notes[-1] and "active" not in notes[-1] and "nan" not in notes[-1]
    assert {entry["active"] for entry in json.loads((tmp_path / "training.json").read_text())["card"]["history"]} == {
        None
    }


def test_the_resolved_recipe_is_saved_and_trains_the_same_again(tmp_path):
    images, labels = stripes()
    settings = recipe(training={"steps": 4, "precision": "fp32"}).with_source("/home/me/photos")
    first = train_arrays(images, labels, settings, tmp_path / "first")
    saved = tmp_path / "first" / "recipe.toml"
    assert load_recipe(saved) == settings.with_source(None) and "/home/me" not in saved.read_text()
    assert train_arrays(images, labels, load_recipe(saved), tmp_path / "second").digest == first.digest
