"""From images to thresholds: the parts, the groups, what is measured, and the promises of all groups together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from lookalike.measures.intervals import clopper_pearson
from lookalike.search.calibrating.thresholds.choose import choose, criterion_of
from lookalike.search.calibrating.thresholds.conformal import Conformal
from lookalike.search.calibrating.thresholds.f_beta import FBeta
from lookalike.search.calibrating.thresholds.fpr import FalseAcceptRate
from lookalike.search.calibrating.thresholds.precision import Precision
from lookalike.search.calibrating.thresholds.sample import Sample
from lookalike.search.deciding.rule import accepts
from lookalike.store.errors import LookalikeError

from .samples import joined, known, unknown

CRITERIA = [FalseAcceptRate(0.1), Precision(0.6), FBeta(1.0), Conformal(0.1), Conformal(0.1, "unknown")]
SHARES = np.array([0.5, 0.3, 0.15, 0.05])  # of images near each of four classes
LOW = np.array([0.2, 0.5, 0.1, 0.6])  # unknown images near a class lie between this and 2


def draw(rng, size: int, unknown_share: float = 0.5) -> Sample:
    """Unknown distances are uniform above LOW of the nearest class, known ones below 1, nine in ten right."""
    nearest = rng.choice(4, size, p=SHARES)
    stranger = rng.random(size) < unknown_share
    far, near = LOW[nearest] + (2 - LOW[nearest]) * rng.random(size), rng.random(size)
    truth = np.where(rng.random(size) < 0.9, nearest, (nearest + 1) % 4)
    return Sample(np.where(stranger, far, near), nearest, np.where(stranger, -1, truth))


def false_accepts(thresholds):
    """The true rate near each class."""
    return np.clip((np.asarray(thresholds, float) - LOW) / (2 - LOW), 0, 1)


@pytest.mark.parametrize("per_class", [False, True])
@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda made: made.name)
def test_what_is_measured_is_what_a_loop_counts_on_the_images_that_did_not_choose(criterion, per_class):
    sample = draw(np.random.default_rng(1), 1500)
    made = choose(sample, criterion, 4, per_class=per_class, seed=5)
    concerned = np.flatnonzero(sample.of(criterion.of))
    shuffled = np.random.default_rng(5).permutation(concerned)
    others = sample.take(np.setdiff1d(np.arange(1500), shuffled[: criterion.part(len(concerned))]))
    accepted = others.distances <= made.thresholds(4)[others.nearest]
    for name, events in (("false_accepts", accepted[~others.known]), ("false_rejects", ~accepted[others.known])):
        counted = getattr(made, name)
        assert (counted[name], counted["images"]) == (events.sum(), len(events))
        assert (counted["low"], counted["high"]) == clopper_pearson(int(events.sum()), len(events))
    if criterion.name == "precision":
        assert made.measured_on["right"] == (others.right & accepted).sum()
    elif criterion.name != "f-beta":
        assert made.measured_on in (made.false_accepts, made.false_rejects)
    assert set(made.measured_by_class) == set(made.by_class) and bool(made.by_class) == per_class


@pytest.mark.parametrize("criterion", [made for made in CRITERIA if made.of != "both"], ids=str)
def test_an_image_that_is_there_twice_measures_in_neither_role_where_it_chooses(criterion):
    rng = np.random.default_rng(6)
    near, far = rng.random(300), 1.2 + 0.5 * rng.random(300)
    images = np.concatenate([np.arange(300), np.arange(300)])
    made = choose(joined(known(near), unknown(far)), criterion, 1, seed=5, images=images)
    concerned = images[:300] + 300 * (criterion.of == "unknown")
    part = criterion.part(300)
    others = np.setdiff1d(np.arange(300), np.random.default_rng(5).permutation(concerned)[:part] % 300)
    for name, events in (
        ("false_accepts", far[others] <= made.threshold),
        ("false_rejects", near[others] > made.threshold),
    ):
        assert getattr(made, name)["images"] == len(others) == 300 - part
        assert getattr(made, name)[name] == events.sum()
    assert made.measured_on in (made.false_accepts, made.false_rejects)


def test_the_same_seed_gives_the_same_parts_and_another_one_others():
    sample = draw(np.random.default_rng(2), 400)
    made = [choose(sample, Precision(0.6), 4, seed=seed) for seed in (3, 3, 4)]
    assert made[0] == made[1] != made[2]


def test_a_class_of_its_own_is_promised_its_bound_and_all_together():
    """Every class and the shared rest keep their rate, all at once, in 95 of 100 draws."""
    rng, criterion, broken, shared = np.random.default_rng(3), FalseAcceptRate(0.05), 0, 0
    for _ in range(200):
        made = choose(draw(rng, 1600, 1.0), criterion, 4, per_class=True, seed=int(rng.integers(1 << 30)))
        rates = false_accepts(made.thresholds(4))
        own = sorted(made.by_class)
        rest = [code for code in range(4) if code not in own]
        assert own
        pooled = (SHARES[rest] * rates[rest]).sum() / SHARES[rest].sum() if rest else 0
        broken += bool((rates[own] > 0.05).any() or pooled > 0.05)
        shared += bool(rest)
    assert broken <= binom.ppf(0.999, 200, 0.05)
    assert shared > 150  # the rare class never has enough


def test_conformal_thresholds_a_class_refuse_a_share_near_each_on_average():
    rng, refused = np.random.default_rng(4), []
    for _ in range(200):
        made = choose(draw(rng, 600, 0.0), Conformal(0.1), 4, per_class=True, seed=int(rng.integers(1 << 30)))
        assert {0, 1} <= set(made.by_class)
        rates, rest = 1 - np.clip(made.thresholds(4), 0, 1), [code for code in range(4) if code not in made.by_class]
        pooled = (SHARES[rest] * rates[rest]).sum() / SHARES[rest].sum() if rest else 0.1
        refused.append([rates[0], rates[1], pooled])
    mean, error = np.mean(refused, axis=0), np.std(refused, axis=0) / np.sqrt(200)
    assert (mean <= 0.1 + 3 * error).all() and (mean > 0.07).all()


def test_precision_of_each_class_and_a_class_that_cannot_keep_it():
    rng = np.random.default_rng(5)
    sample = draw(rng, 3000, 0.0)
    wrong = (sample.nearest == 1) & (rng.random(3000) < 0.5)
    sample = Sample(sample.distances, sample.nearest, np.where(wrong, -1, sample.truth))
    made = choose(sample, Precision(0.85), 4, per_class=True)
    assert made.by_class[1].threshold < 0 and "cannot be reached" in made.by_class[1].failed
    assert made.thresholds(4)[1] < 0 < made.thresholds(4)[0]
    assert made.by_class[0].chosen_on["bound"] >= 0.85 and made.measured_by_class[1] is None
    assert made.threshold > 0


def test_without_a_shared_group_later_classes_get_the_smallest_threshold():
    rng = np.random.default_rng(6)
    sample = draw(rng, 4000, 0.0)
    made = choose(sample, Conformal(0.1), 4, per_class=True)
    assert made.cut is None and sorted(made.by_class) == [0, 1, 2, 3]
    assert made.threshold == min(cut.threshold for cut in made.by_class.values())
    assert made.thresholds(5)[4] == np.float32(made.threshold)


def test_a_class_that_came_short_by_chance_keeps_its_word_without_data(monkeypatch):
    from lookalike.search.calibrating.thresholds import choose as module

    monkeypatch.setattr(module, "_expected", lambda others, classes, part: np.full(classes, 1000.0))
    sample = joined(draw(np.random.default_rng(7), 400, 1.0), unknown(np.linspace(1, 2, 30)))
    short = Sample(sample.distances, np.where(sample.nearest == 3, 0, sample.nearest), sample.truth)
    made = choose(short, FalseAcceptRate(0.1), 4, per_class=True)
    assert made.by_class[3].threshold < 0 and made.by_class[3].failed.endswith("but there were only 0")
    assert made.threshold > 0


@pytest.mark.parametrize("criterion", CRITERIA, ids=lambda made: made.name)
def test_one_class_is_one_threshold_however_it_is_asked_for(criterion):
    rng = np.random.default_rng(8)
    sample = joined(known(rng.random(300), rng.random(300) < 2), unknown(1.2 + 0.5 * rng.random(300)))
    made = [choose(sample, criterion, 1, per_class=per_class) for per_class in (False, True)]
    assert made[0] == made[1] and made[0].by_class == {}
    assert 0 < made[0].threshold <= 2


def test_nothing_is_chosen_where_nothing_can_be():
    with pytest.raises(LookalikeError, match="needs 299 images of unknown classes, but there are only 0"):
        choose(known(np.ones(500)), FalseAcceptRate(0.01), 1)
    with pytest.raises(LookalikeError, match="cannot be reached"):
        choose(unknown(np.ones(500)), Precision(0.9), 1)
    with pytest.raises(LookalikeError, match="every F-beta is 0"):
        choose(unknown(np.ones(500)), FBeta(1.0), 1)
    with pytest.raises(LookalikeError, match="0 of 250 images are near"):
        choose(known(np.full(500, np.inf)), Conformal(0.1), 1)


def test_where_all_images_are_needed_nothing_is_measured():
    made = choose(unknown(np.linspace(0.5, 1, 59)), FalseAcceptRate(0.05), 1)
    assert made.measured_on is None and made.false_accepts is None and made.false_rejects is None


def test_one_criterion_is_asked_for():
    assert criterion_of() == FalseAcceptRate(0.01)
    assert criterion_of(fpr=0.1) == FalseAcceptRate(0.1)
    assert criterion_of(precision=0.9) == Precision(0.9)
    assert criterion_of(f_beta=2) == FBeta(2.0)
    assert criterion_of(conformal=0.1) == Conformal(0.1)
    assert criterion_of(conformal=0.1, of="unknown") == Conformal(0.1, "unknown")
    with pytest.raises(LookalikeError, match=r"fpr 0.01 and precision 0.9 cannot be met by one threshold: give"):
        criterion_of(fpr=0.01, precision=0.9)
    with pytest.raises(LookalikeError, match="of is 'unknown', which is for conformal only"):
        criterion_of(fpr=0.01, of="unknown")


def test_a_threshold_a_class_is_what_decide_holds_distances_against():
    from lookalike.search.deciding.rule import decide

    sample = draw(np.random.default_rng(9), 1500)
    thresholds = choose(sample, Conformal(0.1), 4, per_class=True).thresholds(4)
    scores = (1 - sample.distances[:, None].astype(np.float64) ** 2 / 2).astype(np.float32)
    made = decide(scores, sample.nearest[:, None], thresholds)
    np.testing.assert_array_equal(made.threshold, thresholds[sample.nearest])
    np.testing.assert_array_equal(made.code >= 0, accepts(made.distance, thresholds[sample.nearest]))


rows = st.tuples(
    st.one_of(st.floats(0, 2, width=32), st.sampled_from([0.0, 0.5, 0.50000006, 1.0, 2.0, np.inf])),
    st.integers(0, 2),
    st.sampled_from([-1, -1, 0, 1, 2, 3]),
)


@settings(max_examples=80)
@given(
    st.lists(rows, min_size=1, max_size=40),
    st.integers(1, 12),
    st.sampled_from([FalseAcceptRate(0.3), Precision(0.5), Conformal(0.2), Conformal(0.2, "unknown")]),
    st.booleans(),
)
def test_no_images_lead_to_a_threshold_beyond_its_bound(drawn, times, criterion, per_class):
    distances, nearest, truth = (np.array(column) for column in zip(*(drawn * times), strict=True))
    sample = Sample(distances, np.where(np.isinf(distances), -1, nearest), truth)
    try:
        made = choose(sample, criterion, 4, per_class=per_class, seed=1)
    except LookalikeError as error:
        assert " more" in str(error) or "cannot be" in str(error)
        return
    shuffled = np.random.default_rng(1).permutation(np.flatnonzero(sample.of(criterion.of)))
    choosing = sample.take(shuffled[: criterion.part(len(shuffled))])
    others = [code for code in range(4) if code not in made.by_class]
    groups = [[code] for code in made.by_class] + ([others] if made.cut else [])
    for group, cut in zip(groups, [*made.by_class.values(), made.cut], strict=False):
        mine = choosing.take(np.isin(choosing.nearest, group)) if made.by_class else choosing
        accepted = accepts(mine.distances, cut.threshold)
        if criterion.name == "fpr" and len(mine):
            assert clopper_pearson(int(accepted.sum()), len(mine), 1 - 0.05 / len(groups), "upper")[1] <= 0.3 or (
                cut.threshold < 0
            )
        elif criterion.name == "conformal":
            events = ~accepted if criterion.of == "known" else accepted
            assert events.sum() <= 0.2 * (len(mine) + 1)
        elif not cut.failed:
            testing = mine.take(slice(len(mine) // 3, None))
            answers = testing.take(accepts(testing.distances, cut.threshold))
            assert clopper_pearson(int(answers.right.sum()), len(answers), 1 - 0.05 / len(groups), "lower")[0] >= 0.5
