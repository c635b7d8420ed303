"""`--by linear`: the head that calibrate stores, what happens to it when rows come and go, and what it answers."""

import json
import subprocess
import sys
import warnings

import numpy as np
import pytest

from lookalike import Collection, LinearClassifier, LookalikeError, cli
from lookalike.search.linear import stored as stored_head
from lookalike.search.linear.stored import thinned
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeWarning
from lookalike.store.upkeep.housekeeping import gc, rollback
from lookalike.store.upkeep.verify import verify

from ..calibrating.test_calibrate import source
from ..conftest import clusters
from ..stub import give_source


@pytest.fixture
def calibrated(shop):
    """The shop with a stored head."""
    give_source(shop, *source(120))
    shop.calibrate("any", by="linear", fpr=0.1)
    return shop


def head_file(collection):
    return collection._view.store.content.head and collection._view.store.content.head.file


def peer(vectors, labels):
    return LinearClassifier().fit(vectors, labels)


@pytest.mark.parametrize("stored", [False, True])
def test_answers_as_the_estimator_does(shop, stored):
    vectors, labels = shop.raw
    queries, _ = clusters(8, 50, spread=1.0)
    if stored:
        give_source(shop, *source(120))
        cut = shop.calibrate("any", by="linear", fpr=0.1).threshold
    made, expected = shop.classify(queries, by="linear"), peer(vectors, labels)
    assert made.nearest == expected.predict(queries).tolist()
    np.testing.assert_allclose(made.distances, expected.decide(queries).distance, atol=1e-4)
    shares = np.sort(expected.predict_proba(queries), axis=1)
    clear = shares[:, -2] - shares[:, -3] > 1e-3  # which class comes second is not a matter of rounding
    np.testing.assert_allclose(made.margins[clear], expected.decide(queries).margin[clear], atol=1e-4)
    assert clear.sum() > 40
    if stored:
        assert [label is None for label in made.labels] == (made.distances > np.float32(cut)).tolist()
        assert None in made.labels and set(made.labels) != {None}
    else:
        assert made.labels == made.nearest and head_file(shop) is None
    assert made.by == "linear" and made.records()[0]["by"] == "linear"


def test_a_stored_head_answers_without_scikit_learn(calibrated):
    code = f"""
import sys, numpy as np
from lookalike import Collection
from lookalike.store.changing.writer import writing
with Collection.open({str(calibrated.path)!r}) as collection:
    assert collection.classify("k3", by="linear").nearest[0]
print(sorted({{"sklearn", "torch"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[-2] == "[]"


def test_the_head_s_file_is_checked_kept_and_collected(calibrated):
    name = head_file(calibrated)
    files = dict(verify(calibrated.path))
    assert files[name] is None
    path = calibrated.path / name
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    assert dict(verify(calibrated.path))[name]
    with Collection.open(calibrated.path) as again, pytest.raises(LookalikeError, match="damaged"):
        again.classify("k3", by="linear")
    path.write_bytes(content)
    gc(calibrated.path)
    assert path.exists()
    calibrated.remove(["k0"])
    calibrated.index()
    assert head_file(calibrated) != name
    calibrated.add(clusters(9, 1)[0], ["new"], ["c0"])
    calibrated.refresh()
    calibrated.close()
    gc(calibrated.path)
    assert not path.exists()


def test_after_a_change_the_head_answers_with_one_warning_and_index_refits_it(calibrated):
    name, (vectors, labels) = head_file(calibrated), calibrated.raw
    far, _ = clusters(77, 12)
    calibrated.add(far, [f"n{i}" for i in range(12)], ["new"] * 12)
    assert head_file(calibrated) == name
    with pytest.warns(LookalikeWarning) as said:
        made = calibrated.classify(far, by="linear")
    (warning,) = said
    assert "`lookalike index" in str(warning.message) and "fit it again" in str(warning.message)
    assert made.nearest == peer(vectors, labels).predict(far).tolist(), "the head never saw the new class"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LookalikeWarning)  # the calibration's own
        calibrated.index()
        assert head_file(calibrated) != name
        again = calibrated.classify(far, by="linear")
    everything = np.concatenate([vectors, far]), [*labels, *["new"] * 12]
    assert again.nearest == peer(*everything).predict(far).tolist()
    kept = head_file(calibrated)
    calibrated.index()
    assert head_file(calibrated) == kept, "a head that is up to date stays"


def test_a_class_that_is_gone_is_never_answered(calibrated):
    gone = [f"k{i}" for i, label in enumerate(calibrated.raw[1]) if label == "c1"]
    queries = calibrated.raw[0][[label == "c1" for label in calibrated.raw[1]]]
    calibrated.remove(gone)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LookalikeWarning)
        made = calibrated.classify(queries, by="linear")
    assert "c1" not in made.nearest and np.isfinite(made.distances).all()


def test_going_back_to_the_version_of_the_head_needs_no_refit(calibrated):
    version, name = calibrated._view.store.version, head_file(calibrated)
    calibrated.add(clusters(9, 1)[0], ["new"], ["c0"])
    rollback(calibrated.path, version).close()
    with Collection.open(calibrated.path) as back, warnings.catch_warnings():
        warnings.simplefilter("error")  # neither the head nor the threshold is out of date
        assert head_file(back) == name
        back.classify("k3", by="linear")
        back.index()
        assert head_file(back) == name


def test_emptied_and_unlabelled_collections_lose_the_head_at_index(calibrated):
    calibrated.remove([f"k{i}" for i in range(60)])
    calibrated.add(clusters(9, 2)[0], ["a", "b"])
    calibrated.index()
    assert head_file(calibrated) is None
    with pytest.raises(LookalikeError, match="no labelled images"):
        calibrated.classify("a", by="linear")


def test_the_card_of_an_index_says_what_became_of_the_head(shop, capsys):
    assert shop.index().head is None
    give_source(shop, *source(120))
    shop.calibrate("any", by="linear", fpr=0.1)
    card = shop.index()
    assert card.head is None and card.to_json()["head"] is None and "head" not in str(card)
    shop.add(clusters(9, 1)[0], ["new"], ["c0"])
    card = shop.index()
    assert card.to_json()["head"] == "refitted" and "the linear head was out of date and was fitted again" in str(card)
    assert shop.index().head is None
    shop.remove(["new"])
    assert cli.run(["index", str(shop.path)]) == 0
    assert capsys.readouterr().out.splitlines()[1] == "the linear head was out of date and was fitted again"
    shop.refresh().remove([f"k{i}" for i in range(60)])
    card = shop.index()
    assert card.head == "dropped" and "the linear head was dropped, since no labelled row is left" in str(card)


def test_unlabelled_rows_teach_nothing(shop):
    queries, _ = clusters(8, 50)
    before = shop.classify(queries, by="linear")
    shop.add(clusters(5, 30)[0], [f"u{i}" for i in range(30)])
    after = shop.classify(queries, by="linear")
    assert before.nearest == after.nearest
    np.testing.assert_allclose(before.distances, after.distances)


def test_one_class_alone_is_the_answer(shop):
    shop.remove([f"k{i}" for i, label in enumerate(shop.raw[1]) if label != "c0"])
    made = shop.classify(shop.raw[0][:3], by="linear")
    assert made.labels == ["c0"] * 3 and np.isnan(made.margins).all()


def test_a_head_of_another_model_is_refused_with_both_digests(calibrated):
    from dataclasses import replace

    with writing(calibrated._view.store) as writer:
        writer.set_head(replace(calibrated._view.store.content.head, model="ab12"))
        writer.commit()
    with pytest.raises(LookalikeError, match="for model ab12, but its model is None"):
        calibrated.refresh().classify("k1", by="linear")


def test_calibrate_again_keeps_a_head_that_is_up_to_date(calibrated):
    name = head_file(calibrated)
    calibrated.calibrate("any", by="linear", fpr=0.2)
    assert head_file(calibrated) == name
    calibrated.add(clusters(9, 1)[0], ["new"], ["c0"])
    calibrated.calibrate("any", by="linear", fpr=0.2)
    assert head_file(calibrated) != name


def test_own_contents_are_left_out_of_the_distance_and_of_nothing_else(shop):
    from lookalike.search.deciding.rank import DecisionRule, rank

    vectors, labels = shop.raw
    own = [np.array([i]) for i in range(5)]
    ranked = rank(shop._view, vectors[:5], own, DecisionRule("linear"))
    expected = peer(vectors, labels)
    for i in range(5):
        answer = ranked.classes[ranked.codes[i, 0]]
        assert answer == expected.predict(vectors[i : i + 1])[0]
        rest = [row for row in range(60) if labels[row] == answer and row != i]
        mean = vectors[rest].astype(np.float64).sum(axis=0)
        assert ranked.scores[i, 0] == pytest.approx(float(vectors[i] @ mean / np.linalg.norm(mean)), abs=1e-5)


def test_leaving_the_own_class_out_takes_the_next_of_the_order(shop):
    from lookalike.search.deciding.rank import DecisionRule, rank_without_class

    vectors, labels = shop.raw
    shares = peer(vectors, labels).predict_proba(vectors[:20])
    ranked = rank_without_class(shop._view, vectors[:20], labels[:20], DecisionRule("linear"))
    names = sorted(set(labels))
    for i in range(20):
        order = [names[code] for code in np.argsort(-shares[i]) if names[code] != labels[i]]
        assert [ranked.classes[code] for code in ranked.codes[i]] == order[:2]


def test_fitting_says_how_far_it_is(shop):
    said = []
    shop.classify(shop.raw[0][:2], by="linear", progress=lambda *state: said.append(state))
    assert said and all(0 < done <= total for done, total, _ in said)


def test_too_many_logits_are_thinned_within_each_class(shop, monkeypatch):
    monkeypatch.setattr(stored_head, "MOST_NUMBERS", 8 * 20)
    with pytest.warns(LookalikeWarning, match="fitted on .* of 60 rows"):
        assert shop.classify("k1", by="linear").nearest[0]


def test_thinning_keeps_every_class_and_its_share():
    codes = np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [1, 100, 299]))
    kept = thinned(codes, 40)
    assert (np.diff(kept) > 0).all()
    assert np.bincount(codes[kept]).tolist() == [1, 10, 29]
    assert thinned(codes, 400).tolist() == list(range(400))


def test_the_shell_answers_by_it(shop, capsys):
    assert cli.run(["classify", str(shop.path), "key:k3", "--by", "linear", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert (answer["by"], answer["threshold"]) == ("linear", None)
    assert answer["label"] == answer["nearest"] == peer(*shop.raw).predict(shop.raw[0][3:4])[0]
    assert answer["distance"] > 0 and answer["margin"] is not None
