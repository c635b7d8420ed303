"""`calibrate` end to end: every criterion by every way to decide, one threshold or one a class; the shell's options."""

import json
import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from lookalike import Collection, LookalikeError
from lookalike.cli import run
from lookalike.measures.intervals import clopper_pearson
from lookalike.search.calibrating import calibrate as calibrating
from lookalike.search.calibrating.thresholds.fpr import FalseAcceptRate
from lookalike.search.calibrating.thresholds.groups import enough_for_own
from lookalike.search.deciding.calibration_file import read_calibration
from lookalike.search.view import View
from lookalike.store.errors import LookalikeWarning
from lookalike.tests.strangers.forging import forge

from ..conftest import clusters, unit
from ..stub import content, give_source

pytestmark = pytest.mark.filterwarnings("ignore:.*stand in for these")

WISHES = {
    "fpr": {"fpr": 0.1},
    "precision": {"precision": 0.8},
    "f-beta": {"f_beta": 0.5},
    "conformal": {"conformal": 0.1},
    "conformal of unknown": {"conformal": 0.1, "of": "unknown"},
}
KNOWN, STRANGE = 500, 600


def source(known: int = KNOWN, strange: int = STRANGE, seed: int = 3):
    """Images of the shop's classes, closer than its own, and strangers in all directions."""
    vectors, labels = clusters(seed, known, spread=0.4)
    directions = unit(np.random.default_rng(seed).normal(size=(strange, 8)))
    return np.concatenate([vectors, directions]), labels + ["strange"] * strange


@pytest.mark.parametrize("per_class", [False, True], ids=["one", "per class"])
@pytest.mark.parametrize("wish", WISHES)
@pytest.mark.parametrize("by", ["prototype", "knn", "linear"])
def test_what_is_stored_is_what_decides_and_what_was_counted(shop, by, wish, per_class):
    vectors, labels = source()
    give_source(shop, vectors, labels)
    made = shop.calibrate("any", by=by, per_class=per_class, **WISHES[wish])
    assert made == read_calibration(shop._view.store, by) and json.loads(json.dumps(made.to_json())) == made.to_json()
    assert (made.images["known"], made.images["unknown"], made.unknowns) == (KNOWN, STRANGE, "unknown classes")
    assert made.criterion == wish.split()[0] and made.target in WISHES[wish].values()
    assert made.per_class == per_class == bool(made.classes) and set(made.classes) <= set(shop._view.store.classes)
    decisions = shop.classify(list(vectors), by=by)
    own = {name: entry["threshold"] for name, entry in made.classes.items()}
    wanted = np.array([own.get(name, made.threshold) for name in decisions.nearest], np.float32)
    np.testing.assert_array_equal(decisions.thresholds, wanted)
    accepted = np.array([label is not None for label in decisions.labels])
    np.testing.assert_array_equal(accepted, decisions.distances <= wanted)
    assert accepted[:KNOWN].mean() > 0.2 and accepted[KNOWN:].mean() < 0.6
    assert_counts_add_up(made, accepted, np.array(decisions.nearest) == np.array(labels))
    assert "\n".join(str(made).split("\n")) == str(made) and str(made).startswith("threshold")


def assert_counts_add_up(made, accepted, right) -> None:
    """The images that chose and those that measured are all there are, and each was counted as it is answered."""
    parts = [made.chosen_on, made.measured_on, *(entry["chosen_on"] for entry in made.classes.values())]
    parts = [part for part in parts if part]
    if made.criterion == "fpr" or made.of == "unknown":
        assert sum(part["false_accepts"] for part in parts) == accepted[KNOWN:].sum()
        assert sum(part["images"] for part in parts) == STRANGE
        assert all(part["bound"] <= 0.1 for part in parts if "bound" in part)
    elif made.criterion == "conformal":
        assert sum(part["false_rejects"] for part in parts) == (~accepted[:KNOWN]).sum()
        assert sum(part["images"] for part in parts) == KNOWN
        assert all(part["bound"] <= 0.1 for part in parts if "bound" in part)
    elif made.criterion == "precision":
        assert all(part["bound"] >= 0.8 for part in parts if "bound" in part)
        assert sum(part.get("right", 0) for part in parts) <= (accepted & right).sum()
        assert made.measured_on["images"] <= (KNOWN + STRANGE) // 4
    else:
        assert sum(part["right"] for part in parts) == (accepted & right).sum()
        assert made.measured_on["low"] < made.measured_on["rate"] < made.measured_on["high"]
    for name in ("false_accepts", "false_rejects"):
        counted = getattr(made, name)
        assert (counted["low"], counted["high"]) == clopper_pearson(counted[name], counted["images"])


@pytest.mark.parametrize("wish", WISHES)
def test_without_unknown_images_known_ones_stand_in_where_that_is_no_promise(shop, wish):
    vectors, labels = source(strange=0)
    give_source(shop, vectors, labels, trained=shop._view.store.classes)
    if wish == "conformal of unknown":
        with pytest.raises(LookalikeError, match="conformal of unknown needs them; conformal of known does not"):
            shop.calibrate("any", **WISHES[wish])
        return
    made = shop.calibrate("any", **WISHES[wish])
    assert made.unknowns == "trained classes" and "optimistic" in str(made)
    both = made.images["known"] + made.images["unknown"]
    mixed = made.criterion in ("precision", "f-beta")
    assert both == (KNOWN if mixed else 2 * KNOWN)
    assert 0.4 * both < made.images["unknown"] < 0.6 * both
    assert ("are stand-ins, as in this source" in str(made)) == mixed


def test_images_of_trained_classes_that_the_collection_lacks_stand_in_too(shop):
    vectors, labels = source()
    give_source(shop, vectors, labels, trained=["strange"])
    made = shop.calibrate("any", fpr=0.1)
    assert (made.unknowns, made.images["unknown"]) == ("trained classes", KNOWN + STRANGE)


def test_a_collection_of_one_class(tmp_path):
    with Collection.create(tmp_path / "one") as one:
        vectors = unit(np.ones(8) + 0.3 * np.random.default_rng(0).normal(size=(60, 8)))
        one.add(vectors[:20], [str(i) for i in range(20)], ["only"] * 20)
        give_source(one, vectors[20:], ["only"] * 40)
        made = one.calibrate("any", conformal=0.1)
        assert (made.unknowns, made.false_accepts, made.images["unknown"]) == (None, None, 0)
        assert made.chosen_on["images"] == 20 and "unknowns" not in str(made)
        for wish in ({"fpr": 0.1}, {"precision": 0.8}, {"f_beta": 1}, {"conformal": 0.1, "of": "unknown"}):
            with pytest.raises(LookalikeError, match="one class only"):
                one.calibrate("any", **wish)
        give_source(one, vectors[20:], ["only"] * 20 + ["seen"] * 20, trained=["seen"])
        assert one.calibrate("any", f_beta=1).unknowns == "trained classes"


def test_a_class_with_one_image_shares_the_threshold_of_the_others(shop):
    shop.add(unit(np.eye(1, 8)), ["lonely"], ["c9"])
    vectors, labels = source()
    give_source(shop, np.concatenate([vectors, unit(np.eye(1, 8) + 0.1)]), [*labels, "c9"])
    made = shop.calibrate("any", conformal=0.1, per_class=True)
    assert "c9" not in made.classes and made.images["known"] == KNOWN + 1
    decision = shop.classify(unit(np.eye(1, 8) + 0.05))
    assert decision.nearest == ["c9"] and decision.thresholds[0] == np.float32(made.threshold)


def test_a_class_that_came_later_is_held_against_the_shared_threshold(shop):
    give_source(shop, *source(2000))
    made = shop.calibrate("any", conformal=0.1, per_class=True)
    assert len(made.classes) == 4 and made.chosen_on is None and "classes added later" in str(made)
    shop.add(unit(np.eye(1, 8)), ["new"], ["later"])
    with pytest.warns(match="has changed since"):
        decision = shop.classify(unit(np.eye(1, 8)))
    assert decision.nearest == ["later"] and decision.thresholds[0] == np.float32(made.threshold)


@pytest.mark.filterwarnings("ignore:classes overlap")  # of labels at random
def test_targets_out_of_reach_store_nothing(shop):
    vectors, labels = source(300, 300)
    give_source(shop, vectors, np.random.default_rng(0).permutation(labels).tolist())
    with pytest.raises(LookalikeError, match="cannot be reached"):
        shop.calibrate("any", precision=0.99)
    with pytest.raises(LookalikeError, match=r"precision 0.999 needs 4492 labelled images"):
        shop.calibrate("any", precision=0.999)
    with pytest.raises(LookalikeError, match=r"conformal 0.001 needs 999 images .* there are only 300: add 699"):
        shop.calibrate("any", conformal=0.001)
    assert shop._view.store.content.calibrations == ()


def test_a_class_that_cannot_keep_its_word_is_never_answered(shop):
    vectors, labels = source(2000, 0)
    strange = [f"like {label}" if label == "c1" and i % 2 else label for i, label in enumerate(labels)]
    give_source(shop, vectors, strange)
    made = shop.calibrate("any", precision=0.8, per_class=True)
    assert made.classes["c1"]["threshold"] < 0 and made.classes["c0"]["threshold"] > 0
    assert "  c1 is never answered: precision 0.8 cannot be reached: at the best cut" in str(made)
    decisions = shop.classify(list(vectors))
    assert {"c1"} < set(decisions.nearest) and "c1" not in decisions.labels and "c0" in decisions.labels


def test_images_left_aside_are_counted(shop):
    from ..evaluating.test_evaluate import add_with_contents

    vectors, labels = source()
    add_with_contents(shop, vectors[:10], labels[:10], range(10))
    contents = [content(i) for i in range(len(vectors))]
    contents[-5:] = [content(99_999)] * 5
    give_source(shop, vectors, [*labels[:20], None, None, *labels[22:]], contents)
    made = shop.calibrate("any", conformal=0.1)
    assert made.images == {
        "known": KNOWN - 12, "unknown": STRANGE - 4, "unlabelled": 2, "copies": 4, "stored": 10,
        "seen_in_training": 0, "rejected": 3, "trained": 0,
    }  # fmt: skip
    assert "left aside: 2 unlabelled, 4 copies, 10 stored, 3 rejected" in str(made)


def test_whole_numbers_of_numpy_are_kept_as_plain_ones(shop):
    give_source(shop, *source())
    made = shop.calibrate("any", by="knn", k=np.int64(3), seed=np.int64(3), conformal=0.1)
    assert (type(made.k), type(made.seed)) == (int, int) and read_calibration(shop._view.store, "knn") == made


def test_a_model_that_began_with_imagenet_is_said_to_know_more_than_its_classes(shop):
    give_source(shop, *source())
    assert "ImageNet" not in str(shop.calibrate("any", fpr=0.1))
    give_source(shop, *source())
    shop._view.images.pretrained = True
    made = shop.calibrate("any", fpr=0.1)
    assert made.pretrained and "not fully unknown" in str(made)
    assert read_calibration(shop._view.store, "prototype").pretrained


def test_images_that_the_model_was_trained_on_are_left_aside(shop):
    """The threshold is that of the others alone: what the model has learned from it knows better than any to come."""
    vectors, labels = source()
    seen = np.arange(len(vectors)) < 30
    give_source(shop, vectors, [*["trained"] * 20, *labels[20:]], trained=["trained"], seen=seen)
    made = shop.calibrate("any", conformal=0.1)
    assert (made.images["trained"], made.images["seen_in_training"]) == (0, 30)
    assert "left aside: 30 seen in training" in str(made)
    give_source(shop, vectors[30:], labels[30:])
    alone = shop.calibrate("any", conformal=0.1)
    assert (made.threshold, made.images["known"]) == (alone.threshold, alone.images["known"])
    give_source(shop, vectors, labels, seen=np.ones(len(vectors), bool))
    with pytest.raises(LookalikeError, match="or the model was trained on it: calibration needs images that neither"):
        shop.calibrate("any", conformal=0.1)


def test_who_wants_a_threshold_for_each_class_hears_what_it_takes(shop):
    give_source(shop, *source(40, 120))
    made = shop.calibrate("any", fpr=0.1, per_class=True)
    assert not made.classes
    each = enough_for_own(FalseAcceptRate(0.1))
    assert f"a threshold of its own: about {each} unknown images near the class, and as many near the other" in str(
        made
    )


def test_a_calibration_is_of_the_version_that_it_makes_or_that_it_measured(shop, monkeypatch):
    give_source(shop, *source())
    before = shop._view.store.version
    assert (
        shop.calibrate("any", fpr=0.1).version == before + 1 == shop._view.store.version == shop.info()["calibrated_at"]
    )
    real = calibrating.choose

    def meanwhile(*arguments, **named):
        with Collection.open(shop.path) as other:
            other.add(unit(np.ones((1, 8))), ["more"], ["c0"])
        return real(*arguments, **named)

    monkeypatch.setattr(calibrating, "choose", meanwhile)
    made = shop.calibrate("any", fpr=0.1)
    assert (made.version, shop._view.store.version, shop.info()["calibrated_at"]) == (
        before + 1,
        before + 3,
        before + 1,
    )
    with pytest.warns(LookalikeWarning, match=f"has changed since version {before + 1}"):
        shop.classify("k0")


def test_who_calibrates_without_unknown_images_or_measures_what_chose_is_told(shop):
    give_source(shop, *source(40, 0))
    with pytest.raises(LookalikeError, match=r"has no images of unknown classes: add some.*only 40: add 259"):
        shop.calibrate("any", fpr=0.01)
    give_source(shop, *source(KNOWN, 0))
    with pytest.warns(LookalikeWarning, match="any has no images of classes that neither .* stand in for"):
        made = shop.calibrate("any", fpr=0.1)
    first = str(made).splitlines()[0]
    assert (
        " stand-ins were accepted, so" in first
        and "of all stand-ins will be (95 % confidence), not of unknown images" in first
    )
    assert "unknown images were accepted" not in str(made) and " stand-ins were accepted" in str(made)
    with pytest.warns(LookalikeWarning, match="stand in for these"):
        assert "are stand-ins, as in this source" in str(shop.calibrate("any", precision=0.6))
    give_source(shop, *source())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = shop.calibrate("any", fpr=0.1)
        shop.evaluate("another")
    assert "95 % confidence)" in str(made).splitlines()[0] and "stand-ins" not in str(made)
    with pytest.warns(LookalikeWarning, match="was chosen on some images of any"):
        shop.evaluate("any")


def test_a_threshold_that_refuses_most_known_images_says_so(shop):
    vectors, labels = source()
    near = unit(vectors[:400] + 0.01)
    give_source(shop, np.concatenate([vectors[:KNOWN], near]), [*labels[:KNOWN], *["strange"] * 400])
    made = shop.calibrate("any", fpr=0.05)
    assert made.false_rejects[
        "rate"
    ] > 0.5 and "of the known images are refused, because unknown images are as near" in str(made)


def test_a_calibration_of_the_first_format_is_read(shop):
    give_source(shop, *source())
    made = shop.calibrate("any", fpr=0.1).to_json()
    first = {name: made[name] for name in ("by", "k", "weights", "threshold", "unknowns", "chosen_on", "measured_on")}
    first |= {name: made[name] for name in ("false_rejects", "source", "seed", "version", "next_row", "rows", "model")}
    forge(
        shop.path,
        shop._view.store.content.calibrations[0].file,
        json.dumps({**first, "fpr": 0.1, "format": 1}).encode(),
    )
    shop = Collection.open(shop.path)
    read = read_calibration(shop._view.store, "prototype")
    assert (read.criterion, read.target, read.threshold, read.classes) == ("fpr", 0.1, made["threshold"], {})
    assert "of 300 unknown images" in str(read)
    assert shop.classify("k0").thresholds[0] == np.float32(made["threshold"])


@pytest.fixture
def shell(shop, monkeypatch):
    """The shop, asked through the shell; any source is `source()`."""
    give_source(shop, *source())
    encoder = SimpleNamespace(**vars(shop._view.images))
    monkeypatch.setattr(View, "images", property(lambda self: encoder))
    return shop


@pytest.mark.parametrize(
    ("options", "criterion", "target"),
    [
        (["--fpr", "0.1"], "fpr", 0.1),
        (["--precision", "0.8"], "precision", 0.8),
        (["--f-beta", "2", "--by", "knn", "-k", "5"], "f-beta", 2.0),
        (["--conformal", "0.1", "--per-class"], "conformal", 0.1),
        (["--conformal", "0.1", "--of", "unknown"], "conformal", 0.1),
    ],
)
def test_the_shell_asks_for_one_criterion(shell, capsys, options, criterion, target):
    assert run(["calibrate", str(shell.path), "any", *options, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["criterion"], said["target"]) == (criterion, target)
    assert bool(said["classes"]) == ("--per-class" in options)
    assert run(["calibrate", str(shell.path), "any", *options]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("threshold ") and any(line.startswith("measured on other images") for line in lines)


def test_the_shell_refuses_two_and_says_the_default(shell, capsys):
    assert run(["calibrate", str(shell.path), "any", "--fpr", "0.1", "--f-beta", "1"]) == 1
    assert "fpr 0.1 and f-beta 1 cannot be met by one threshold" in capsys.readouterr().err
    assert run(["calibrate", str(shell.path), "any", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["criterion"], said["target"]) == ("fpr", 0.01)
    assert run(["calibrate", str(shell.path), "any", "--precision", "1.5"]) == 2


@pytest.mark.parametrize("by", ["prototype", "knn", "linear"])
def test_a_source_of_one_kind_only(shop, by):
    vectors, labels = source(0, 300)
    for trained, unknowns in ((), "unknown classes"), (["strange"], "trained classes"):
        give_source(shop, vectors, labels, trained=trained)
        made = shop.calibrate("any", by=by, fpr=0.1)
        assert (made.unknowns, made.images["known"], made.false_rejects) == (unknowns, 0, None)
        with pytest.raises(LookalikeError, match="needs 9 images of known classes, but there are only 0: add 9 more"):
            shop.calibrate("any", by=by, conformal=0.1)
        with pytest.raises(LookalikeError, match="cannot be reached"):
            shop.calibrate("any", by=by, precision=0.8)
    vectors, labels = source(300, 0)
    give_source(shop, vectors, labels, trained=shop._view.store.classes)
    made = shop.calibrate("any", by=by, conformal=0.1)
    assert (made.unknowns, made.false_accepts["images"]) == ("trained classes", 150)  # the others chose
