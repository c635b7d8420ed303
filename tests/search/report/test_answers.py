"""What the sections say of answers, against plain loops: confusion, mistakes, unknowns, and their nearest images."""

import tracemalloc

import numpy as np
import pytest

from lookalike import Collection
from lookalike.search.calibrating.labelled_source import LabelledSource
from lookalike.search.report.page import LeftOut
from lookalike.search.report.questions import of_source, of_stored
from lookalike.search.report.sections import confused
from lookalike.search.report.sections.confused import MOST_CLASSES, shown_classes, stored_of
from lookalike.search.report.sections.confusion import OTHER, STRANGE, UNKNOWN, counted
from lookalike.search.report.sections.confusion import section as confusion
from lookalike.search.report.sections.contact import nearest_rows
from lookalike.search.report.sections.mistakes import hardest
from lookalike.search.report.sections.mistakes import section as mistakes
from lookalike.search.report.sections.summary import section as summary
from lookalike.search.report.sections.unknowns import section as unknowns

from ..conftest import clusters, unit
from .conftest import Page, add_images, material_of, questions_of


@pytest.fixture
def asked(shop):
    """A shop asked with 40 images, a fifth of them of a class that it has not, and two without a label."""
    vectors, labels = clusters(8, 40, spread=1.5)
    vectors[:6] = shop.raw[0][[0, 1, 2, 0, 1, 2]]  # stored images ask too
    labels = ["strange" if i % 5 == 0 else label for i, label in enumerate(labels)]
    labels[7] = labels[8] = ""
    own = [np.array([i % 3], np.int64) if i < 6 else np.empty(0, np.int64) for i in range(40)]
    return material_of(shop._view, questions_of(vectors, labels, own))


def test_the_confusion_counts_every_labelled_image_once(asked):
    answers = asked.responses.answers.labels
    for i in range(0, 40, 3):
        answers[i] = None
    names = ["c0", "c2"]
    counts, rows, columns = counted(asked, answers, names)
    assert rows == ["c0", "c2", STRANGE] and columns == ["c0", "c2", OTHER, UNKNOWN]
    expected = np.zeros((3, 4), int)
    for label, answer in zip(asked.questions.labels, answers, strict=True):
        truth = {"c0": 0, "c2": 1, "strange": 2}.get(label)
        if truth is not None:
            expected[truth, 3 if answer is None else {"c0": 0, "c2": 1}.get(answer, 2)] += 1
    assert counts.tolist() == expected.tolist() and counts.sum() > 20


def test_a_strict_threshold_does_not_hide_which_classes_are_mixed_up(asked):
    free = Page(confusion(asked).body)
    assert len(free.figures) == 1 and "the threshold is ignored" in free.text
    asked.responses.answers.labels[:] = [None] * 40
    strict = Page(confusion(asked).body)
    assert len(strict.figures) == 2 and strict.figures[0] == free.figures[0]
    assert "40 of them are answered unknown" in strict.text
    wrong = sum(
        known and near != label
        for known, near, label in zip(asked.known, asked.answers.nearest, asked.questions.labels, strict=True)
    )
    assert wrong and "Most frequent mistakes: " in strict.text


def test_images_of_no_class_here_hide_no_mistake_where_nothing_is_unknown(asked):
    free = Page(confusion(asked).body).text
    assert "Most frequent mistakes: c" in free and f"{STRANGE} answered" not in free
    asked.responses.answers.labels[:] = [None, *asked.responses.answers.labels[1:]]
    strict = Page(confusion(asked).body).text
    assert f"{STRANGE} answered" in strict[strict.index("with the threshold") :]


def test_the_nearest_image_of_the_nearest_class_leaves_the_own_content_out(asked, shop):
    questions = asked.questions
    vectors, labels = shop.raw
    rows = nearest_rows(asked, range(40))
    for i, row in enumerate(rows.tolist()):
        candidates = [
            j
            for j in range(60)
            if labels[j] == asked.answers.nearest[i] and j not in questions.excluded_rows[i].tolist()
        ]
        best = max(candidates, key=lambda j: (float(questions.vectors[i] @ vectors[j]), -j))
        assert row == best


def test_mistakes_come_most_confident_first(asked):
    places = np.array([4, 1, 3, 0, 2])
    margins = np.array([0.1, np.nan, 0.5, 0.5, 0.3], np.float32)
    distances = np.array([0.2, 0.1, 0.9, 0.4, 0.3], np.float32)
    assert hardest(places, margins, distances).tolist() == [3, 2, 4, 0, 1]
    wrong = [
        i
        for i in range(40)
        if asked.questions.labels[i] in asked.store.classes and asked.answers.nearest[i] != asked.questions.labels[i]
    ]
    page = Page(mistakes(asked).body)
    cards = [attributes for _, attributes in page.tags if attributes.get("class") == "card"]
    assert len(cards) == min(24, len(wrong)) > 3
    assert f"{len(wrong)} of {int(asked.known.sum())} images of known classes" in page.text
    keys = [data for tag, data in page.texts if tag == "small"]
    assert sorted(keys) == sorted(f"q{i}" for i in wrong)[:24] or len(wrong) > 24


def test_unknowns_come_nearest_first_and_say_what_they_were_answered(asked):
    asked.answers.labels[0] = None
    page = Page(unknowns(asked).body)
    strange = sorted(range(0, 40, 5), key=lambda i: asked.answers.distances[i])
    assert [data for tag, data in page.texts if tag == "small"] == [f"q{i}" for i in strange]
    assert "7 of 8 images of unknown classes were given a label: no threshold yet" in page.text
    assert page.text.count("answered unknown") == 1
    with pytest.raises(LeftOut, match="give --data"):
        unknowns(material_of(asked.view))


def test_the_summary_says_what_evaluate_says(pictured, tmp_path):
    material = material_of(pictured._view, of_source(pictured._view, LabelledSource(pictured.asked), print))
    measured = pictured.evaluate(pictured.asked)
    page = Page(summary(material).body)
    for name in ("accuracy", "recall_at_1", "map_at_r", "auc", "tpr_at_fpr_1e-3"):
        assert f"{measured[name]:.4f}" in page.text, name
    assert f"{measured['unknown']['auroc']:.4f}" in page.text and "no threshold yet" in page.text


def test_stored_vectors_ask_without_themselves(shop):
    questions = of_stored(shop._view, 0)
    assert [rows.tolist() for rows in questions.excluded_rows] == [
        [row] for row in shop._view.store.find(questions.keys).tolist()
    ]
    assert len(questions) == 60 and (questions.labels == np.array(shop.raw[1], dtype=object)).all()


def test_stored_images_ask_without_themselves_and_their_copies(pictured):
    copies = pictured.asked.parent / "copies"
    (copies / "red").mkdir(parents=True)
    source = pictured.asked.parent / "stored" / "red" / "0.png"
    (copies / "red" / "copy.png").write_bytes(source.read_bytes())
    add_images(pictured, copies)
    questions = of_stored(pictured._view, 0)
    assert len(questions) == questions.drawn_from == 25
    own = dict(zip(questions.keys, questions.excluded_rows, strict=True))
    both = pictured._view.store.find(["red/0.png", "red/copy.png"]).tolist()
    assert sorted(own["red/0.png"].tolist()) == sorted(own["red/copy.png"].tolist()) == sorted(both)
    assert all(len(rows) == 1 for key, rows in own.items() if key not in ("red/0.png", "red/copy.png"))


def test_of_many_classes_the_confused_and_then_the_closest_are_shown(tmp_path):
    classes = MOST_CLASSES + 10
    rng = np.random.default_rng(0)
    centres = unit(rng.normal(size=(classes, 32)))
    centres[7] = unit(centres[[3]] + 0.05 * rng.normal(size=(1, 32)))[0]  # 3 and 7 are alike, nobody confuses them
    labels = [f"c{i:02d}" for i in range(classes)]
    with Collection.create(tmp_path / "many") as collection:
        collection.add(np.repeat(centres, 2, axis=0), [str(i) for i in range(2 * classes)], list(np.repeat(labels, 2)))
        # Images that say 20 and lie on 21.
        material = material_of(collection._view, questions_of(centres[[21, 21, 5]], ["c20", "c20", "c05"]))
        names = shown_classes(material)
        assert len(names) == MOST_CLASSES and names == sorted(names)
        assert {"c20", "c21", "c03", "c07"} <= set(names)
        vectors, places = stored_of(material, names)
        assert len(vectors) == 2 * len(names)
        for vector, place in zip(vectors, places, strict=True):
            np.testing.assert_allclose(vector, centres[labels.index(names[place])], rtol=1e-5)


def test_the_nearest_other_class_equals_a_loop():
    means = unit(np.random.default_rng(3).normal(size=(37, 5))).astype(np.float64)
    distances, nearest = confused._nearest_others(means)
    for place, row in enumerate(means):
        others = [np.inf if other == place else np.linalg.norm(row - one) for other, one in enumerate(means)]
        assert nearest[place] == np.argmin(others) and distances[place] == pytest.approx(min(others))


def test_the_nearest_other_of_many_classes_needs_no_matrix_of_them():
    means = np.random.default_rng(3).normal(size=(2000, 4))
    tracemalloc.start()
    try:
        confused._nearest_others(means)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2000 * 2000 / 8
