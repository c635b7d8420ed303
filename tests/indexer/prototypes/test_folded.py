"""Windows and several prototypes a class: exact through any history, and equal to a rebuild, bit for bit."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lookalike.indexer.index import index
from lookalike.indexer.prototypes import folded as module
from lookalike.indexer.prototypes.folded import afresh, current
from lookalike.indexer.prototypes.prototypes import Prototypes
from lookalike.indexer.prototypes.publishing import fold, keep
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeError
from lookalike.store.files.content import PrototypeRule

from .test_anchors import blobs, naive_nearest, unit
from .test_windows import naive as naive_window


def refold(made):
    with made.open() as store, writing(store) as writer:
        fold(writer)
        writer.commit()


def same(a, b):
    """The same sums, counts, anchors and, for each class, window."""
    assert (a.sums.classes, a.sums.owners.tolist()) == (b.sums.classes, b.sums.owners.tolist())
    assert a.sums.sums.tolist() == b.sums.sums.tolist() and a.sums.counts.tolist() == b.sums.counts.tolist()
    one, other = ([] if sums.anchors is None else sums.anchors.tolist() for sums in (a.sums, b.sums))
    assert one == other


def whole_sum(vectors):
    """Sums in units of 2^-32, by exact arithmetic."""
    return [sum(round(Fraction(float(v)) * 2**32) for v in column) for column in vectors.T]


def check_by_hand(made, folded, window):
    """Every sum, from the rows that must be in it: those of its class, in the window, nearest to its anchor."""
    rows = naive_window(made, window or 10**9)
    sums = folded.sums
    names = [sums.classes[code] for code in sums.owners]
    assert sorted(set(names)) == sorted({made.labels[row] for row in rows})
    expected = {place: [] for place in range(len(names))}
    for row in rows:
        places = [place for place, name in enumerate(names) if name == made.labels[row]]
        own = places[0] if len(places) == 1 else places[naive_nearest(made.matrix[row], sums.anchors[places])]
        expected[own].append(row)
    for place, mine in expected.items():
        assert sums.counts[place] == len(mine)
        assert sums.sums[place].tolist() == (whole_sum(made.matrix[mine]) if mine else [0] * made.d)


STEPS = ["add", "add", "remove", "fold", "keep"]
SLOW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SLOW
@given(data=st.data())
def test_any_history_is_exact_and_a_fold_equals_a_rebuild(new_shop, data):
    made, rng = new_shop(4), np.random.default_rng(data.draw(st.integers(0, 1000)))
    rule = PrototypeRule()
    for _ in range(data.draw(st.integers(1, 7))):
        step = data.draw(st.sampled_from(STEPS))
        if step == "add":
            n = data.draw(st.integers(1, 8))
            made.add(unit(rng, n, 4), [data.draw(st.sampled_from(["a", "b", "\u00e9", None])) for _ in range(n)])
        elif step == "remove" and made.alive.any():
            live = np.flatnonzero(made.alive)
            made.remove(rng.permutation(live)[: data.draw(st.integers(1, len(live)))])
        elif step == "fold":
            refold(made)
        elif step == "keep":
            rule = PrototypeRule(data.draw(st.sampled_from([0, 1, 3])), data.draw(st.sampled_from([1, 2, 3])))
            assert keep(made.path, window=rule.window, per_class=rule.per_class) == rule
        with made.open() as store:
            assert store.content.prototype_rule == rule
            check_by_hand(made, current(store), rule.window)
    refold(made)
    again = new_shop(4)  # the same live rows, in the same order, never anything else
    if made.alive.any():
        again.add(made.matrix[made.alive], [label for label, live in zip(made.labels, made.alive, strict=True) if live])
    keep(again.path, window=rule.window, per_class=rule.per_class)
    with made.open() as store, again.open() as other:
        same(current(store), afresh(other, rule))
        same(current(store), afresh(store, rule))
        assert Prototypes.of(store).matrix.tobytes() == Prototypes.of(other).matrix.tobytes()


@SLOW
@given(data=st.data())
def test_left_out_rows_leave_what_removing_them_leaves(new_shop, data):
    made, rng = new_shop(4), np.random.default_rng(data.draw(st.integers(0, 1000)))
    labels = [data.draw(st.sampled_from(["a", "b", None])) for _ in range(12)]
    made.add(unit(rng, 12, 4), labels)
    keep(made.path, window=data.draw(st.sampled_from([0, 2, 4])), per_class=data.draw(st.integers(1, 3)))
    if data.draw(st.booleans()):
        made.add(unit(rng, 3, 4), ["a", "b", "c"])
    gone = np.sort(rng.permutation(len(made.labels))[: data.draw(st.integers(1, 6))])
    with made.open() as store:
        before = Prototypes.of(store)
        found = before.left_out(store, gone)
    asked = {before.classes.index(made.labels[row]) for row in gone if made.labels[row] is not None}
    assert set(found) == asked
    made.remove(gone)
    with made.open() as store:
        after = Prototypes.of(store)
        for code, units in found.items():
            name = before.classes[code]
            held = after.matrix[after.owners == after.classes.index(name)] if name in after.classes else units[:0]
            assert units.tobytes() == held.tobytes()


def test_an_anchor_without_rows_waits_for_those_that_move_up(shop):
    up, right = np.eye(2, dtype=np.float32)
    made = shop(np.stack([up, right, right, right, up]), ["a"] * 5)
    keep(made.path, window=3, per_class=2)
    made.remove([4])  # the only one upwards in the window, which now holds 1, 2 and 3
    with made.open() as store:
        before = Prototypes.of(store)
        assert before.matrix.tolist() == [right.tolist()] and before.counts.tolist() == [3]
        found = before.left_out(store, np.array([3]))[0]  # row 0 moves up
    assert sorted(found.tolist()) == sorted([up.tolist(), right.tolist()])
    made.remove([3])
    with made.open() as store:
        assert Prototypes.of(store).matrix.tolist() == found.tolist()


def test_a_window_is_the_mean_of_its_newest_rows(shop, rng):
    labels = [f"{i % 3}" for i in range(40)]
    made = shop(unit(rng, 40, 6), labels).remove([39, 36, 1])
    keep(made.path, window=5)
    found = Prototypes.of(made.open())
    for code, name in enumerate(found.classes):
        mine = [row for row in range(40) if made.alive[row] and labels[row] == name][-5:]
        mean = made.matrix[mine].astype(np.float64).mean(axis=0)
        assert np.allclose(found.matrix[code], mean / np.linalg.norm(mean), atol=1e-6) and found.counts[code] == 5
    made.add(unit(rng, 1, 6), ["0"])  # the oldest of class 0 leaves
    mine = [row for row in range(41) if made.alive[row] and made.labels[row] == "0"][-5:]
    mean = made.matrix[mine].astype(np.float64).mean(axis=0)
    assert np.allclose(Prototypes.of(made.open()).matrix[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_the_nearest_prototype_stands_for_its_class(shop, rng):
    vectors = np.concatenate([blobs(rng, 120, 5, 3), blobs(rng, 60, 5, 2), unit(rng, 1, 5)])
    labels = ["a"] * 120 + ["b"] * 60 + ["c"]
    made = shop(vectors, labels)
    keep(made.path, per_class=3)
    found = Prototypes.of(made.open())
    assert found.classes == ["a", "b", "c"] and found.owners.tolist().count(2) == 1
    assert found.counts.tolist() == [120, 60, 1] and len(found.matrix) == len(found.owners) > 4
    queries = unit(rng, 30, 5)
    by_hand = np.stack([(queries @ found.matrix[found.owners == code].T).max(axis=1) for code in range(3)], axis=1)
    assert np.allclose(found.scores(queries), by_hand, atol=1e-6)
    for k in (1, 2, 3, 5):
        scores, codes = found.search(queries, k)
        order = np.argsort(-by_hand, axis=1, kind="stable")
        assert np.array_equal(codes[:, :3], order[:, :k]) and (codes[:, 3:] == -1).all()
        assert np.allclose(scores[:, :3], -np.sort(-by_hand, axis=1)[:, :k], atol=1e-6)
        assert np.isneginf(scores[:, 3:]).all()


def test_copies_make_one_prototype_and_equal_classes_are_told_by_name(shop, rng):
    row = unit(rng, 1, 4)
    made = shop(np.repeat(row, 8, axis=0), ["b"] * 5 + ["a"] * 3)
    keep(made.path, per_class=3)
    found = Prototypes.of(made.open())
    assert found.owners.tolist() == [0, 1]
    assert found.search(row, 2)[1].tolist() == [[0, 1]]


def test_a_new_class_has_one_prototype_until_index_divides_it(shop, rng):
    made = shop(blobs(rng, 90, 6, 3), ["a"] * 90)
    keep(made.path, per_class=3)
    made.add(blobs(rng, 60, 6, 3), ["new"] * 60)
    assert Prototypes.of(made.open()).owners.tolist() == [0, 0, 0, 1]
    assert index(made.path).classes == 2
    assert Prototypes.of(made.open()).owners.tolist() == [0, 0, 0, 1, 1, 1]


def test_only_classes_with_other_rows_are_divided_anew(shop, rng, monkeypatch):
    made = shop(unit(rng, 40, 4), ["a", "b", "c", None] * 10)
    keep(made.path, per_class=2)
    made.remove([1]).add(unit(rng, 2, 4), ["c", "d"])
    divided = []
    clustered = module._clustered
    monkeypatch.setattr(
        module, "_clustered", lambda store, name, *rest: divided.append(name) or clustered(store, name, *rest)
    )
    refold(made)
    assert divided == ["b", "c", "d"]
    with made.open() as store:
        same(current(store), afresh(store, PrototypeRule(0, 2)))


def test_keep_commits_once_and_only_where_something_changes(shop, rng):
    made = shop(unit(rng, 10, 4), ["a"] * 10)
    version = made.open().version
    assert keep(made.path) == PrototypeRule(0, 1) and made.open().version == version
    assert keep(made.path, window=4) == PrototypeRule(4, 1) and made.open().version == version + 1
    assert keep(made.path, per_class=2) == PrototypeRule(4, 2)
    assert keep(made.path, window=0, per_class=1) == PrototypeRule(0, 1) and made.open().version == version + 3
    entry = made.open().content.prototypes
    assert entry is not None and entry.rule == PrototypeRule(0, 1)


@pytest.mark.parametrize(
    ("setting", "named"),
    [({"window": -1}, "window is -1"), ({"per_class": 0}, "per_class is 0"), ({"window": True}, "window is True"),
     ({"per_class": 2.5}, "per_class is 2.5")],
)  # fmt: skip
def test_a_rule_that_makes_no_sense_is_refused(shop, rng, setting, named):
    with pytest.raises(LookalikeError, match=named):
        keep(shop(unit(rng, 3, 4), ["a"] * 3).path, **setting)


def test_a_rule_for_an_empty_collection_holds_for_what_comes(new_shop, rng):
    made = new_shop(4)
    keep(made.path, window=2, per_class=2)
    assert made.open().content.prototypes is None
    made.add(unit(rng, 6, 4), ["a"] * 6)
    assert Prototypes.of(made.open()).counts.tolist() == [2]


def test_compaction_keeps_windows_and_anchors(shop, rng):
    made = shop(blobs(rng, 200, 6, 4), [f"{i % 4}" for i in range(200)])
    keep(made.path, window=20, per_class=2)
    made.remove(np.arange(150, 200, 3)).add(unit(rng, 10, 6), ["1"] * 10)
    index(made.path, compact=True)
    with made.open() as store:
        same(current(store), afresh(store, PrototypeRule(20, 2)))
    made.remove([205]).add(unit(rng, 1, 6), ["2"])
    with made.open() as store:
        check_by_hand(made, current(store), 20)
