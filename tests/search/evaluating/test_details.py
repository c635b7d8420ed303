"""`evaluate --full` and `--episodes`: the sections against plain computations, and what is undefined."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from click.testing import CliRunner

from lookalike import LookalikeError
from lookalike.measures.distances import class_distances
from lookalike.measures.open_set import auroc, oscr
from lookalike.search.evaluating.words import lines
from lookalike.shell.measure import evaluate as command
from lookalike.store.errors import LookalikeWarning

from ...measures import oracles
from ..conftest import clusters, unit
from ..stub import content, give_source

DESIGN = [
    "queries", "rejected_images", "recall_at_1", "map_at_r", "accuracy", "auc", "tpr_at_fpr_1e-3",
    "interclass_distance", "unknown",
]  # fmt: skip
SECTIONS = ["verification", "retrieval", "classification", "open_set", "distances", "separation"]


def asked(shop, seed=5, n=120, strange=20):
    """Give new images of the shop's classes, some of a class it lacks, one without a label and one with a wrong one."""
    vectors, labels = clusters(seed, n)
    others = unit(np.random.default_rng(seed).normal(size=(strange, 8)))
    vectors, labels = np.concatenate([vectors, others]), [*labels, *["strange"] * strange]
    labels[0], labels[1] = None, "c0" if labels[1] != "c0" else "c1"
    give_source(shop, vectors, labels)
    return vectors, np.array([label or "" for label in labels], dtype=object)


def test_fields_are_those_of_the_design_unless_more_is_asked_for(shop):
    asked(shop)
    plain = shop.evaluate("any")
    assert list(plain) == DESIGN
    full = shop.evaluate("any", full=True, episodes=True, way=3)
    assert list(full) == [*DESIGN, "details", "episodes"]
    assert list(full["details"]) == SECTIONS
    assert {name: full[name] for name in DESIGN} == plain


@pytest.mark.parametrize("by", ["prototype", "knn", "linear"])
def test_sections_agree_with_plain_computations(shop, by):
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    vectors, labels = asked(shop)
    measured = shop.evaluate("any", by=by, full=True)
    details = measured["details"]
    made = shop.classify(vectors, by=by)
    known = np.isin(labels, shop._view.store.classes)

    labelled = labels != ""
    first, second = np.triu_indices(labelled.sum(), 1)
    scores = np.einsum("ij,ij->i", vectors[labelled][first], vectors[labelled][second])
    same = labels[labelled][first] == labels[labelled][second]
    verified = details["verification"]
    assert verified["pairs"] == {"same": same.sum(), "different": (~same).sum()}
    assert verified["auc"] == pytest.approx(oracles.auc(scores, same), abs=1e-9) == measured["auc"]
    assert verified["eer"] == pytest.approx(oracles.eer(scores, same), abs=1e-9)
    for name, fpr in (("1e-1", 0.1), ("1e-2", 0.01), ("1e-3", 0.001), ("1e-4", 0.0001)):
        assert verified[f"tpr_at_fpr_{name}"] == pytest.approx(oracles.tpr_at_fpr(scores, same, fpr), abs=1e-9)
    assert verified["tpr_at_fpr_1e-3"] == measured["tpr_at_fpr_1e-3"]

    hits = np.array(shop.search(vectors[known], k=60, exact=True).labels())
    right = hits == labels[known][:, None]
    for k in (1, 5, 10):
        assert details["retrieval"][f"recall_at_{k}"] == pytest.approx(right[:, :k].any(axis=1).mean())
    r = np.array([(np.array(shop.raw[1]) == label).sum() for label in labels[known]])
    shares = [line[:wanted].mean() for line, wanted in zip(right, r, strict=True)]
    assert details["retrieval"]["r_precision"] == pytest.approx(np.mean(shares))
    assert details["retrieval"]["map_at_r"] == measured["map_at_r"]

    classes = shop._view.store.classes
    nearest = np.array(made.nearest, dtype=object)[known]
    matrix = confusion_matrix(labels[known].astype(str), nearest.astype(str), labels=classes)
    cells = {(cell["label"], cell["answer"]): cell["images"] for cell in details["classification"]["confusion"]}
    assert cells == {
        (classes[i], classes[j]): matrix[i, j] for i in range(len(classes)) for j in range(len(classes)) if matrix[i, j]
    }
    peer = precision_recall_fscore_support(
        labels[known].astype(str), nearest.astype(str), labels=classes, zero_division=np.nan
    )
    for place, name in enumerate(classes):
        scored = details["classification"]["classes"][name]
        assert [scored[x] for x in ("precision", "recall", "f1", "images")] == pytest.approx([p[place] for p in peer])
    for place, name in enumerate(("precision", "recall", "f1")):
        assert details["classification"]["macro"][name] == pytest.approx(np.mean(peer[place]))

    unknown = labels == "strange"
    near, far = made.distances[known], made.distances[unknown]
    opened = details["open_set"]
    assert (opened["known"], opened["unknown"]) == (known.sum(), unknown.sum())
    assert opened["auroc"] == pytest.approx(auroc(near, far)) == measured["unknown"]["auroc"]
    assert opened["oscr"] == pytest.approx(oscr(near, nearest == labels[known], far))
    assert opened["false_accepts"] is None and opened["held_out_classes"]["false_accepts"]["mean"] is None
    codes = np.unique(labels[labelled].astype(str), return_inverse=True)[1]
    assert details["distances"] == pytest.approx(class_distances(vectors[labelled], codes)._asdict())


def test_held_out_classes_are_as_asking_a_collection_without_them(shop, tmp_path, monkeypatch):
    from lookalike import Collection

    vectors, labels = asked(shop)
    calibrated = SimpleNamespace(over=lambda classes: 0.7, source="elsewhere")
    monkeypatch.setattr("lookalike.search.evaluating.responses.threshold_of", lambda store, way: calibrated)
    got = shop.evaluate("any", full=True)["details"]["open_set"]
    known = np.isin(labels, shop._view.store.classes)
    splits = []
    for out in shop._view.store.classes:
        kept = [i for i, label in enumerate(shop.raw[1]) if label != out]
        with Collection.create(tmp_path / out) as without:
            without.add(shop.raw[0][kept], [str(i) for i in kept], [shop.raw[1][i] for i in kept])
            made = without.classify(vectors[known])
        mine = labels[known] == out
        near, far = made.distances[~mine], made.distances[mine]
        right = (np.array(made.nearest, dtype=object) == labels[known])[~mine]
        splits.append((auroc(near, far), oscr(near, right, far), (far <= 0.7).mean(), (near > 0.7).mean()))
    for name, values in zip(
        ("auroc", "oscr", "false_accepts", "false_rejects"), zip(*splits, strict=True), strict=True
    ):
        held = got["held_out_classes"][name]
        assert (held["mean"], held["std"], held["splits"]) == pytest.approx(
            (np.mean(values), np.std(values, ddof=1), 4)
        )
    far = shop.classify(vectors[labels == "strange"]).distances
    assert got["false_accepts"] == pytest.approx((far <= 0.7).mean())
    assert got["false_rejects"] == pytest.approx((shop.classify(vectors[known]).distances > 0.7).mean())


def test_stored_copies_do_not_speak_for_themselves_in_the_separation(shop):
    from .test_evaluate import add_with_contents

    shop.remove([f"k{i}" for i in range(60)])
    vectors = unit(np.random.default_rng(0).normal(size=(40, 8)))
    labels = [f"c{i % 2}" for i in range(40)]
    add_with_contents(shop, vectors, labels, range(40))
    give_source(shop, vectors, labels, [content(i) for i in range(40)])
    with pytest.warns(LookalikeWarning, match="no threshold is reliable"):
        found = shop.evaluate("any", full=True)["details"]["separation"]
    # Labels at random: were an image part of its prototype, its own class would look nearer than the other.
    assert found["error"] > 0.45


def test_overlapping_classes_warn_in_one_line_and_name_the_worst(shop):
    rng = np.random.default_rng(0)
    centres = np.eye(8)[[0, 1, 2, 0]]
    names = ["ant", "bee", "cow\n", "ape"]
    shop.remove([f"k{i}" for i in range(60)])
    drawn = [unit(centres[np.arange(80) % 4] + 0.15 * rng.normal(size=(80, 8))) for _ in range(2)]
    labels = [names[i % 4] for i in range(80)]
    shop.add(drawn[0], [f"n{i}" for i in range(80)], labels)
    give_source(shop, drawn[1], labels)
    with pytest.warns(LookalikeWarning) as said:
        measured = shop.evaluate("any", full=True)
    (message,) = [str(warning.message) for warning in said]
    assert "no threshold is reliable" in message and "\n" not in message
    assert ("ant as ape" in message or "ape as ant" in message) and "bee" not in message
    found = measured["details"]["separation"]
    assert found["overlapping"] and {found["pairs"][0]["label"], found["pairs"][0]["passes_for"]} == {"ant", "ape"}
    assert not any("\n" in line for line in lines(measured))


@pytest.mark.filterwarnings("ignore:none of the 1 labels")
@pytest.mark.parametrize("case", ["one class", "one image", "no unknowns", "only unknowns", "one row a class"])
def test_what_is_undefined_is_null_and_never_nan(shop, case):
    vectors, labels = clusters(5, 40)
    if case == "one class":
        shop.remove([f"k{i}" for i, label in enumerate(shop.raw[1]) if label != "c0"])
        kept = [i for i, label in enumerate(labels) if label == "c0"]
        give_source(shop, vectors[kept], [labels[i] for i in kept])
    elif case == "one image":
        give_source(shop, vectors[:1], labels[:1])
    elif case == "no unknowns":
        give_source(shop, vectors, labels)
    elif case == "only unknowns":
        give_source(shop, vectors, ["new"] * 40)
    else:
        shop.remove([f"k{i}" for i in range(60)])
        shop.add(unit(np.eye(4, 8)), list("abcd"), [f"c{i}" for i in range(4)])
        give_source(shop, unit(np.eye(4, 8) + 0.01), [f"c{i}" for i in range(4)])
    measured = shop.evaluate("any", full=True)
    text = json.dumps(measured.to_json(), allow_nan=False)
    details = json.loads(text)["details"]
    assert list(lines(measured))
    if case in ("one class", "one image"):
        assert details["verification"]["auc"] is details["distances"]["gap"] is details["open_set"]["oscr"] is None
    if case == "one class":
        assert details["separation"]["error"] is None and details["open_set"]["held_out_classes"] == {}
    if case == "only unknowns":
        assert details["retrieval"]["recall_at_5"] is None and details["classification"]["macro"]["f1"] is None
        assert details["classification"]["confusion"] == [] and details["separation"]["pairs"] == []
    if case == "no unknowns":
        assert details["open_set"]["auroc"] is None and details["open_set"]["held_out_classes"]["auroc"]["mean"] > 0.5


def test_episodes_draw_from_the_source_and_a_copy_never_asks_for_itself(shop):
    rng = np.random.default_rng(1)
    vectors = unit(rng.normal(size=(800, 8)))
    twice = np.repeat(np.arange(800), 2)
    labels = [f"new{i % 200}" for i in range(800)]
    give_source(shop, vectors[twice], [labels[i] for i in twice], [content(i) for i in twice])
    rows = shop.evaluate("any", episodes=True, shots=[1, 3])["episodes"]
    assert [(row["way"], row["shots"], row["episodes"], row["classes"]) for row in rows] == [
        (5, 1, 600, 200),
        (5, 3, 600, 200),
    ]
    for row in rows:  # noise: only copies could be recognised
        assert 0.15 < row["low"] <= row["accuracy"] <= row["high"] < 0.25
    again = shop.evaluate("any", episodes=True, way=2, shots=[3, 3], seed=4)["episodes"]
    assert [(row["way"], row["shots"]) for row in again] == [(2, 3)]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            {"way": 6},
            r"any has 4 classes with at least 2 images, but 6-way 1-shot episodes need 6: use --way 4 or less",
        ),
        ({"way": 2, "shots": [1, 200]}, r"any has 0 classes with at least 201 images.*: give a source with more"),
        ({"way": 1}, "way is 1: it must be a whole number of at least 2"),
        ({"shots": []}, "shots is empty"),
        ({"shots": [0]}, "shots is 0"),
    ],
)
def test_sources_with_too_little_for_episodes_are_told(shop, arguments, said):
    give_source(shop, *clusters(5, 40))
    with pytest.raises(LookalikeError, match=said):
        shop.evaluate("any", episodes=True, **arguments)


@pytest.fixture
def shell(shop, monkeypatch):
    """Run `evaluate` on the shop, whose encoder is a stand-in."""
    monkeypatch.setattr("lookalike.shell.measure.Collection.open", lambda path: shop)
    return lambda *arguments: CliRunner().invoke(command, ["shop", "source", *arguments], catch_exceptions=False)


def test_the_shell_gives_one_object_or_lines(shop, shell):
    asked(shop)
    plain = shell("--json")
    assert plain.exit_code == 0 and list(json.loads(plain.stdout)) == DESIGN
    whole = json.loads(shell("--json", "--full", "--episodes", "--way", "3", "--shots", "2").stdout)
    assert [(row["way"], row["shots"]) for row in whole["episodes"]] == [(3, 2)]
    text = shell("--full", "--episodes", "--way", "3").stdout
    for said in (
        "recall_at_1",
        "eer",
        "most frequent mistakes",
        "held out: auroc",
        "gap",
        "least error",
        "3-way 5-shot",
    ):
        assert said in text
    assert text.count("undefined") == 2 + 2  # false accepts and rejects without a threshold, twice
    assert max(len(line) for line in text.splitlines()) <= 110
