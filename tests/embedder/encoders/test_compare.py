"""`compare`: by the threshold that training stored, by a given one, by none; and what cannot be read."""

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from lookalike import LookalikeError, compare
from lookalike.cli import run
from lookalike.embedder.encoders.encoder import Encoder, make_encoder, save_encoder
from lookalike.embedder.encoders.same_or_different import SameOrDifferent
from lookalike.embedder.training.train import train_arrays

from ..conftest import picture, untrained
from ..training.test_train import recipe, stripes

STORED = SameOrDifferent(0.5, 0.1, 0.05, 0.2, 1000, 0.2, 0.1, 0.3, 100, 46, 3, False, True)


def with_threshold(encoder: Encoder, threshold: float) -> Encoder:
    card = {**encoder.card, "scores": {"same_or_different": replace(STORED, threshold=threshold).to_json()}}
    return make_encoder(encoder._network, card, device="cpu")


@pytest.fixture
def photos(tmp_path, monkeypatch):
    """a.png, its copy b.png, c.png, and broken.png; the working folder is theirs."""
    monkeypatch.chdir(tmp_path)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        picture(seed).save(f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def distance(encoder, a, b):
    rows = [
        encoder.encode(encoder.preprocessing.apply(np.asarray(Image.open(p).convert("L"))[..., None])[None])
        for p in (a, b)
    ]
    return float(np.linalg.norm(rows[0].astype(float) - rows[1]))


def test_the_stored_threshold_decides_and_its_errors_are_told(encoder, photos):
    far = compare("a.png", "c.png", encoder).distance
    assert far == pytest.approx(distance(encoder, "a.png", "c.png"), abs=1e-5) and far > 0
    for threshold, same in ((far * 1.01, True), (far * 0.99, False), (float(np.float32(far)), True)):
        found = compare("a.png", "c.png", with_threshold(encoder, threshold))
        assert found.same is same and found.threshold == pytest.approx(threshold)
        assert found.measured.false_reject_rate == 0.2
    assert compare("a.png", "b.png", with_threshold(encoder, 0.0)).distance == 0.0
    assert compare("a.png", "b.png", with_threshold(encoder, 0.0)).same is True


def test_a_given_threshold_takes_its_place_and_has_no_measured_errors(encoder, photos):
    found = compare("a.png", picture(1), with_threshold(encoder, 0.0), threshold=2.0)
    assert found.same is True and found.threshold == 2.0 and found.measured is None and found.b == "picture"
    with pytest.raises(LookalikeError, match=r"threshold is 2\.5"):
        compare("a.png", "c.png", encoder, threshold=2.5)


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda stored: {**stored, "threshold": "0.5"}, "threshold: '0.5' is not a valid value"),
        (lambda stored: {**stored, "threshold": None}, "threshold: None is not a valid value"),
        (
            lambda stored: {**stored, "threshold": float("nan")},
            "threshold is nan, and it must be a distance from 0 to 2",
        ),
        (lambda stored: {**stored, "same_pairs": -1}, "same_pairs: -1 is not a valid value"),
        (lambda stored: {**stored, "trained": 1}, "trained: 1 is not a valid value"),
        (lambda stored: {**stored, "more": 1}, "field 'more' is unknown"),
        (lambda stored: {k: v for k, v in stored.items() if k != "images"}, "field 'images' is missing"),
        (lambda stored: [0.5], "[0.5] is not a valid value"),
        (lambda stored: "0.5", "'0.5' is not a valid value"),
    ],
)
def test_a_damaged_threshold_is_one_line_with_a_way_out(encoder, photos, capsys, damage, words):
    card = {**encoder.card, "scores": {"same_or_different": damage(STORED.to_json())}}
    save_encoder("damaged", make_encoder(encoder._network, card, device="cpu"))
    assert run(["compare", "a.png", "c.png", "--model", "damaged"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and "Traceback" not in said.err
    assert "encoder.json, scores, same_or_different" in said.err and words in said.err
    assert "train the model again, or give a threshold" in said.err
    assert run(["compare", "a.png", "c.png", "--model", "damaged", "--threshold", "2"]) == 0
    assert capsys.readouterr().out.startswith("same: ")


def test_scores_that_are_no_table_are_refused(encoder, photos):
    with pytest.raises(LookalikeError, match=r"encoder\.json: its scores are not a table"):
        make_encoder(encoder._network, {**encoder.card, "scores": [1]}, device="cpu")


def lines(capsys):
    said = capsys.readouterr()
    return [json.loads(line) for line in said.out.splitlines()], said.err


FIELDS = {
    *("a", "b", "same", "distance", "threshold", "images", "classes", "trained", "apart"),
    *("false_accept_rate", "false_accept_low", "false_accept_high", "different_pairs"),
    *("false_reject_rate", "false_reject_low", "false_reject_high", "same_pairs"),
}


def test_the_shell_answers_with_and_without_a_threshold(encoder, photos, capsys):
    save_encoder("with", with_threshold(encoder, 2.0))
    save_encoder("without", encoder)
    assert run(["compare", "a.png", "c.png", "--model", "with", "--json"]) == 0
    (answer,), err = lines(capsys)
    assert set(answer) == FIELDS and err == ""
    assert (answer["a"], answer["b"], answer["same"], answer["threshold"]) == ("a.png", "c.png", True, 2.0)
    assert (answer["false_accept_rate"], answer["same_pairs"]) == (0.1, 100)
    assert run(["compare", "a.png", "c.png", "--model", "without", "--json"]) == 0
    (answer,), err = lines(capsys)
    assert set(answer) == FIELDS and answer["same"] is None and answer["threshold"] is None
    assert answer["distance"] > 0 and answer["false_accept_rate"] is None
    assert err.count("\n") == 1 and "--threshold T" in err
    assert run(["compare", "a.png", "c.png", "--model", "without", "--json", "--threshold", "0"]) == 0
    (answer,), err = lines(capsys)
    assert answer["same"] is False and answer["false_accept_rate"] is None and err == ""


def test_the_shell_in_words(encoder, photos, capsys):
    save_encoder("with", with_threshold(encoder, 2.0))
    assert run(["compare", "a.png", "c.png", "--model", "with"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("same: distance 0.") and "threshold 2.000" in said
    assert "10.00% (5.00% to 20.00%) of 1,000 pairs" in said and "3 classes unseen in training" in said


@pytest.mark.parametrize("bad", ["broken.png", "gone.png"])
def test_an_unreadable_image_is_answered_and_the_exit_is_1(encoder, photos, capsys, bad):
    save_encoder("model", encoder)
    assert run(["compare", "a.png", bad, "--model", "model", "--json"]) == 1
    (answer,), _ = lines(capsys)
    assert set(answer) == {"a", "b", "error"} and answer["b"] == bad and bad in answer["error"]
    assert run(["compare", "a.png", bad, "--model", "model"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and bad in said.err


def test_a_model_that_is_not_there_is_an_error_of_its_own(photos, capsys):
    assert run(["compare", "a.png", "c.png", "--model", "nowhere", "--json"]) == 1
    said = capsys.readouterr()
    assert said.out == "" and "nowhere" in said.err


def test_training_stores_a_threshold_that_tells_new_classes_apart(tmp_path):
    images, labels = stripes(classes=8)
    settings = recipe(data={"validation_classes": 0.25}, training={"steps": 60, "validate_every": 20})
    card = train_arrays(images, labels, settings, tmp_path / "model")
    stored = SameOrDifferent(**card.scores["same_or_different"])
    assert not stored.trained and stored.apart and stored.classes == 2
    assert 0 < stored.threshold < 2 and stored.false_accept_rate < 0.3 and stored.false_reject_rate < 0.3
    new = sorted(set(labels) - set(card.training_classes))
    files = {}
    for name in new:
        for i in [place for place, label in enumerate(labels) if label == name][:2]:
            files.setdefault(name, []).append(tmp_path / f"{i}.png")
            Image.fromarray(images[i, :, :, 0]).save(files[name][-1])
    assert compare(*files[new[0]], tmp_path / "model").same is True
    assert compare(files[new[0]][0], files[new[1]][0], tmp_path / "model").same is False


def test_training_without_steps_or_validation_stores_none(tmp_path):
    images, labels = stripes(per_class=4)
    untaught = train_arrays(images, labels, recipe(training={"steps": 0}), tmp_path / "0")
    assert "same_or_different" not in untaught.scores
    unheld = train_arrays(images, labels, recipe(training={"steps": 1}), tmp_path / "1")
    assert unheld.scores == {}
    assert compare(picture(0), picture(1), untrained()).threshold is None
