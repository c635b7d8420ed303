"""`calibrate`: which images may calibrate, what the threshold then does, and when it refuses."""

import json
import os
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest

from lookalike import Collection, LookalikeError
from lookalike.measures.intervals import clopper_pearson
from lookalike.search.calibrating.labelled_source import LabelledSource
from lookalike.search.images import ImageEncoder
from lookalike.search.view import View
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeWarning
from lookalike.store.upkeep.housekeeping import rollback
from lookalike.store.version.store import Store

from ..conftest import clusters, unit
from ..deciding.test_rank import naive_prototypes
from ..stub import content, give_source

pytestmark = pytest.mark.filterwarnings("ignore:.*stand in for these")


def source(unknown: int, seed: int = 3, known: int = 40):
    """`known` rows of the shop's classes and `unknown` random ones labelled "strange"."""
    vectors, labels = clusters(seed, known)
    strange = unit(np.random.default_rng(seed).normal(size=(unknown, 8)))
    return np.concatenate([vectors, strange]), labels + ["strange"] * unknown


def distances(shop, vectors):
    """To the nearest prototype, by a loop."""
    scores = [naive_prototypes(*shop.raw, query)[0][1] for query in vectors]
    return np.sqrt(np.maximum(0, 2 - 2 * np.array(scores)))


@pytest.mark.parametrize("by", ["prototype", "knn"])
def test_the_threshold_decides_and_keeps_its_bound(shop, by):
    vectors, labels = source(200)
    give_source(shop, vectors, labels)
    made = shop.calibrate("any", by=by, fpr=0.1)
    assert made.unknowns == "unknown classes" and made.chosen_on["images"] == 100
    assert made.chosen_on["bound"] <= 0.1
    assert clopper_pearson(made.chosen_on["false_accepts"], 100, side="upper")[1] == pytest.approx(
        made.chosen_on["bound"]
    )
    assert made.measured_on["images"] == 100 and made.false_rejects["images"] == 40
    decisions = shop.classify(list(vectors), by=by)
    accepted = np.array([label is not None for label in decisions.labels])
    assert (accepted == (decisions.distances <= np.float32(made.threshold))).all()
    counted = made.chosen_on["false_accepts"] + made.measured_on["false_accepts"]
    assert accepted[40:].sum() == counted
    assert (~accepted[:40]).sum() == made.false_rejects["false_rejects"]
    if by == "prototype":
        np.testing.assert_allclose(decisions.distances, distances(shop, vectors), atol=1e-4)


def test_it_is_stored_read_back_and_replaced(shop):
    vectors, labels = source(200)
    give_source(shop, vectors, labels)
    shop.calibrate("any", fpr=0.1)
    made = shop.calibrate("any", fpr=0.05)
    assert [entry.by for entry in shop._view.store.content.calibrations] == ["prototype"]
    with Collection.open(shop.path) as again:
        assert again.info()["calibrated_at"] == made.version == again._view.store.version
        decision = again.classify("k0").records()[0]
        assert decision["threshold"] == pytest.approx(made.threshold)
    json.dumps(made.to_json(), allow_nan=False)
    assert "95 % confidence" in str(made)


def test_too_few_unknown_images_are_refused_with_the_number_missing(shop):
    vectors, labels = source(30)
    give_source(shop, vectors, labels)
    version = shop._view.store.version
    with pytest.raises(
        LookalikeError, match="needs 299 images of unknown classes, but there are only 30: add 269 more"
    ):
        shop.calibrate("any", fpr=0.01)
    assert View.open(shop.path).store.version == version


def test_copies_and_stored_images_do_not_count(shop):
    from ..evaluating.test_evaluate import add_with_contents

    vectors, labels = source(60)
    add_with_contents(shop, vectors[:10], labels[:10], range(10))
    contents = [content(i) for i in range(len(vectors))]
    contents[-20:] = [content(999)] * 20  # twenty copies of one unknown image
    give_source(shop, vectors, labels, contents)
    with pytest.raises(LookalikeError, match="there are only 41: add 18 more"):
        shop.calibrate("any", fpr=0.05)
    made = shop.calibrate("any", fpr=0.1)
    assert made.false_rejects["images"] == 30


def test_an_unlabelled_copy_does_not_hide_a_labelled_one(shop):
    vectors, labels = source(100)
    give_source(
        shop,
        np.concatenate([vectors[-1:], vectors]),
        [None, *labels],
        [content(139), *(content(i) for i in range(140))],
    )
    made = shop.calibrate("any", fpr=0.1)
    assert made.chosen_on["images"] + made.measured_on["images"] == 100


def test_classes_that_the_model_was_trained_on_are_not_unknown(shop):
    vectors, labels = source(100)
    labels[-40:] = ["trained"] * 40
    give_source(shop, vectors, labels, trained=["trained", "c0"])
    made = shop.calibrate("any", fpr=0.1)
    assert made.unknowns == "unknown classes"
    assert made.chosen_on["images"] + made.measured_on["images"] == 60
    assert made.images["trained"] == 40  # neither known nor unknown, and said to be there
    assert sum(made.images.values()) - made.images["rejected"] == len(labels)


@pytest.mark.parametrize("by", ["prototype", "knn"])
def test_without_unknown_images_classes_are_left_out_in_turn(shop, by):
    vectors, labels = clusters(3, 80)
    give_source(shop, vectors, labels, trained=["c0", "c1", "c2", "c3"])
    made = shop.calibrate("any", by=by, fpr=0.1)
    assert made.unknowns == "trained classes" and "optimistic" in str(made)
    if by == "prototype":
        nearest = [
            naive_prototypes(*shop.raw, q, without=label)[0][1] for q, label in zip(vectors, labels, strict=True)
        ]
        accepted = np.sqrt(2 - 2 * np.array(nearest)) <= made.threshold
        assert accepted.sum() == made.chosen_on["false_accepts"] + made.measured_on["false_accepts"]


def test_one_class_cannot_stand_in_for_the_unknown(tmp_path):
    with Collection.create(tmp_path / "one") as one:
        one.add(unit(np.ones((5, 8)) + np.eye(5, 8)), list("abcde"), ["only"] * 5)
        give_source(one, unit(np.random.default_rng(0).normal(size=(100, 8))), ["only"] * 100)
        with pytest.raises(LookalikeError, match="one class only"):
            one.calibrate("any", fpr=0.1)


def test_unknown_images_upon_a_class_leave_nothing_accepted(shop):
    prototypes = shop._view.prototypes.matrix
    give_source(shop, np.repeat(prototypes[:1], 100, axis=0), ["strange"] * 100)
    made = shop.calibrate("any", fpr=0.1)
    assert made.threshold < 0 and "every answer is unknown" in str(made)
    assert shop.classify(["k0", "k1"]).labels == [None, None]


def test_a_collection_that_changed_answers_and_warns(shop):
    vectors, labels = source(100)
    give_source(shop, vectors, labels)
    shop.calibrate("any", fpr=0.1)
    shop.classify("k1")
    shop.add(unit(np.ones((1, 8))), ["more"], ["c0"])
    with pytest.warns(LookalikeWarning, match="has changed since version"):
        assert shop.classify("k1").thresholds[0] > 0
    with pytest.warns(LookalikeWarning, match="calibrated with k=10"):
        give_source(shop, vectors, labels)
        shop.calibrate("any", by="knn", fpr=0.1)
        shop.classify("k1", by="knn", k=3)


@pytest.mark.parametrize("change", ["only removed", "one for another"])
def test_rows_that_went_are_told_too(shop, change):
    give_source(shop, *source(100))
    shop.calibrate("any", fpr=0.1)
    shop.remove(["k7"])
    if change == "one for another":  # as many rows as before
        shop.add(unit(np.ones((1, 8))), ["more"], ["c0"])
    with pytest.warns(LookalikeWarning, match="has changed since version"):
        shop.classify("k1")


def test_a_rule_for_prototypes_that_changed_is_told(shop):
    from lookalike.indexer.prototypes.publishing import keep

    give_source(shop, *source(100))
    for by in ("prototype", "knn"):
        shop.calibrate("any", by=by, fpr=0.1)
    keep(shop.path, window=3)
    shop.refresh()
    with pytest.warns(LookalikeWarning, match="has changed since version"):
        shop.classify("k1")
    assert shop.classify("k1", by="knn").thresholds[0] > 0


def test_prototypes_that_index_moves_are_told(shop):
    """Several prototypes a class are clustered anew at `index`, though no row comes or goes after the calibration."""
    from lookalike.indexer.prototypes.publishing import keep

    keep(shop.path, per_class=2)
    shop.index()
    vectors, labels = clusters(9, 40)
    shop.add(vectors, [f"late{i}" for i in range(40)], labels)
    give_source(shop, *source(100))
    shop.calibrate("any", fpr=0.1)
    assert shop.classify("k1").thresholds[0] > 0  # nothing has changed yet
    shop.index()
    with pytest.warns(LookalikeWarning, match="has changed since version"):
        shop.classify("k1")


def test_a_collection_that_is_written_refuses_before_any_work(shop):
    give_source(shop, *source(100))
    shop._view.images.encode_source = None  # nothing is read
    with writing(shop._view.store), pytest.raises(LookalikeError, match="writ"):
        shop.calibrate("any", fpr=0.1)


def while_measuring(shop, do):
    """Let `do` happen once the source has been read."""
    read = shop._view.images.encode_source

    def encode_source(source, progress, cache=True):
        encoded = read(source, progress)
        do()
        return encoded

    shop._view.images.encode_source = encode_source


@pytest.mark.parametrize("by", ["prototype", "linear"])
def test_others_may_write_while_it_measures_and_that_is_told(shop, by):
    give_source(shop, *source(100))
    expected = shop.calibrate("any", by=by, fpr=0.1)

    def grow():
        with Collection.open(shop.path) as other:
            other.add(unit(np.ones((1, 8))), ["more"], ["c9"])

    while_measuring(shop, grow)
    made = shop.calibrate("any", by=by, fpr=0.1)
    assert (made.threshold, made.rows, len(shop)) == (expected.threshold, 60, 61)
    told = "has changed since version" if by == "prototype" else "fit it again"
    with pytest.warns(LookalikeWarning, match=told):
        assert shop.classify("k1", by=by).thresholds[0] == np.float32(made.threshold)


def test_a_model_that_changed_while_it_measures_is_refused(shop):
    give_source(shop, *source(100))

    def exchange():
        rollback(shop.path, 1).close()
        with Store.open(shop.path) as store, writing(store) as writer:
            writer.set_model("b" * 64, 8, "fp32", {"encoder.json": b"{}"})
            writer.commit()

    while_measuring(shop, exchange)
    with pytest.raises(LookalikeError, match=f"got model {'b' * 64} while it was calibrated for model None"):
        shop.calibrate("any", fpr=0.1)
    with Store.open(shop.path) as store:
        assert store.content.calibrations == ()


def test_who_writes_when_it_has_measured_is_waited_for(shop):
    give_source(shop, *source(100))
    with Store.open(shop.path) as other, ExitStack() as written:
        while_measuring(shop, lambda: written.enter_context(writing(other)))
        told = []

        def progress(done, total, note):
            told.append(note)
            written.close()

        made = shop.calibrate("any", fpr=0.1, progress=progress)
    assert str(os.getpid()) in told[-1] and "waiting" in told[-1]
    assert shop.classify("k1").thresholds[0] == np.float32(made.threshold)


def test_too_few_images_are_told_by_their_labels_before_one_is_read(shop):
    give_source(shop, *source(30))
    shop._view.images.encode_source = None
    for wish, words in (
        ({"fpr": 0.01}, "needs 299 images of unknown classes, but there are only 30: add 269 more"),
        (
            {"conformal": 0.01, "of": "unknown"},
            "needs 99 images of unknown classes, but there are only 30: add 69 more",
        ),
        ({"conformal": 0.01}, "needs 99 images of known classes, but there are only 40: add 59 more"),
        ({"precision": 0.99}, "there are only 70: add .* more"),
    ):
        with pytest.raises(LookalikeError, match=words):
            shop.calibrate("any", **wish)
    give_source(shop, *clusters(3, 50), trained=["c0", "c1", "c2", "c3"])
    shop._view.images.encode_source = None
    with pytest.raises(LookalikeError, match="there are only 50: add 249 more"):  # all of them standing in
        shop.calibrate("any", fpr=0.01)
    give_source(shop, clusters(3, 5)[0], [None] * 5)
    shop._view.images.encode_source = None
    with pytest.raises(LookalikeError, match="no labelled images"):
        shop.calibrate("any", fpr=0.1)


def test_an_image_that_may_not_count_is_no_reason_to_refuse_before_it_was_read(shop):
    """One of a class that nobody knows, which turns out to be no image: the others stand in."""
    vectors, labels = clusters(3, 80)
    give_source(shop, vectors, labels, trained=["c0", "c1", "c2", "c3"])
    shop._view.images.labels = lambda source: [*labels, "notes"]
    assert shop.calibrate("any", fpr=0.1).unknowns == "trained classes"
    give_source(shop, *source(1, known=80), trained=["c0", "c1", "c2", "c3"])  # here it is one
    with pytest.raises(LookalikeError, match="there are only 1: add 28 more"):
        shop.calibrate("any", fpr=0.1)


def test_a_collection_without_labels_says_so_before_an_image_is_read(tmp_path):
    with Collection.create(tmp_path / "bare") as bare:
        bare.add(unit(np.eye(5, 8)), list("abcde"))
        give_source(bare, *source(20))
        bare._view.images.encode_source = None
        for by in ("prototype", "knn", "linear"):
            with pytest.raises(LookalikeError, match="bare has no labelled images: classify and calibrate need some"):
                bare.calibrate("any", by=by, fpr=0.01)


def test_the_labels_of_a_source_are_those_of_its_records_readable_or_not(tmp_path):
    for name in ("cats/a.png", "cats/b.png", "dogs/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"no image")
    encoder = ImageEncoder(SimpleNamespace(training_classes=[]), "digest")
    assert sorted(encoder.labels(LabelledSource(tmp_path))) == ["cats", "cats", "dogs"]
    assert encoder.labels(LabelledSource(tmp_path / "cats")) == [None, None]


@pytest.mark.parametrize("by", ["prototype", "knn", "linear"])
def test_too_few_that_count_are_told_before_they_are_ranked(shop, by, monkeypatch):
    give_source(shop, *source(59), [*(content(i) for i in range(98)), content(97)])  # the last is a copy
    for name in ("rank", "rank_without_class"):
        monkeypatch.setattr(f"lookalike.search.calibrating.labelled.{name}", None)
    monkeypatch.setattr("lookalike.search.linear.stored.fitted_head", None)
    with pytest.raises(LookalikeError, match="there are only 58: add 1 more"):
        shop.calibrate("any", by=by, fpr=0.05)


@pytest.mark.parametrize("by", ["prototype", "knn"])
@pytest.mark.parametrize("wish", [{"fpr": 0.1}, {"conformal": 0.1}, {"conformal": 0.1, "of": "known"}], ids=str)
def test_an_image_that_stands_in_does_not_choose_and_measure(shop, by, wish):
    vectors, labels = clusters(3, 80)
    give_source(shop, vectors, labels, trained=["c0", "c1", "c2", "c3"])
    made = shop.calibrate("any", by=by, **wish)
    assert made.unknowns == "trained classes" and made.images["known"] == made.images["unknown"] == 80
    assert made.chosen_on["images"] == made.false_accepts["images"] == made.false_rejects["images"] == 40
    concerned = np.arange(80) + 80 * ("fpr" in wish)
    others = np.setdiff1d(np.arange(80), np.random.default_rng(0).permutation(concerned)[:40] % 80)
    accepted = np.array([label is not None for label in shop.classify(list(vectors), by=by).labels])
    assert made.false_rejects["false_rejects"] == (~accepted[others]).sum()


@pytest.mark.parametrize("images", [1, 2, 3])
def test_few_images_are_said_to_be_few(shop, images):
    vectors, labels = clusters(3, images)
    give_source(shop, vectors, labels, trained=["c0", "c1", "c2", "c3"])
    with pytest.raises(LookalikeError, match=f"there are only {images}: add .* more"):
        shop.calibrate("any", precision=0.9)


def test_compacting_is_no_change(shop):
    shop.remove(["k1"])
    give_source(shop, *source(100))
    shop.calibrate("any", fpr=0.1)
    shop.index(compact=True)
    assert shop.classify("k2").thresholds[0] > 0


def test_another_model_s_calibration_is_refused(shop, monkeypatch):
    give_source(shop, *source(100))
    shop.calibrate("any", fpr=0.1)
    entry = shop._view.store.content.calibrations[0]
    monkeypatch.setattr(type(shop._view.store), "model", type("Model", (), {"digest": "b" * 64})())
    assert entry.model is None
    with pytest.raises(LookalikeError, match=f"model None, but its model is {'b' * 64}"):
        shop.classify(list(shop.raw[0][:1]))


def test_overlapping_classes_are_named_before_a_threshold_is_chosen(shop):
    vectors, labels = clusters(9, 400)
    shuffled = np.random.default_rng(0).permutation(labels).tolist()
    give_source(shop, vectors, shuffled)
    with pytest.warns(LookalikeWarning, match=r"no threshold is reliable: .*; worst: c\d as c\d \(\d+%\)"):
        shop.calibrate("any", fpr=0.2)
