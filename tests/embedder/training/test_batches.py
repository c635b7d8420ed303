from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lookalike.embedder.training.batches import Batches
from lookalike.store.errors import LookalikeError

sizes = st.lists(st.integers(1, 9), min_size=2, max_size=9).filter(lambda sizes: max(sizes) > 1)


def labelled(sizes, seed=0):
    return np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))


@settings(max_examples=60, deadline=None)
@given(sizes, st.integers(2, 6), st.integers(2, 5), st.integers(0, 2**40))
def test_a_batch_is_classes_by_images(sizes, classes, images, seed):
    labels = labelled(sizes)
    batches = Batches(labels, classes=classes, images=images, seed=seed)
    for step in range(2 * batches.steps_per_sweep):
        drawn = batches.indices(step)
        assert drawn.dtype == np.int64
        assert drawn.shape == (min(classes, len(sizes)) * images,)
        rows = drawn.reshape(-1, images)
        assert (labels[rows] == labels[rows[:, :1]]).all()
        assert len(set(labels[rows[:, 0]])) == len(rows)
        for row in rows:
            often = Counter(row.tolist()).values()
            size = sizes[labels[row[0]]]
            assert max(often) == -(-images // size)
            assert len(often) == min(size, images)


@settings(max_examples=40, deadline=None)
@given(sizes, st.integers(2, 6), st.integers(2, 5), st.integers(0, 2**40))
def test_every_class_in_a_sweep_and_every_image_in_a_cycle(sizes, classes, images, seed):
    labels = labelled(sizes)
    batches = Batches(labels, classes=classes, images=images, seed=seed)
    cycle = max(-(-size // images) for size in sizes)
    seen = set()
    for sweep in range(cycle):
        steps = range(sweep * batches.steps_per_sweep, (sweep + 1) * batches.steps_per_sweep)
        drawn = np.concatenate([batches.indices(step) for step in steps])
        assert set(labels[drawn]) == set(range(len(sizes)))
        seen.update(drawn.tolist())
    assert seen == set(range(len(labels)))


def test_in_the_long_run_images_of_a_class_are_drawn_equally_often():
    labels = labelled([7, 12, 5, 30])
    batches = Batches(labels, classes=2, images=3, seed=1)
    counts = np.zeros(len(labels))
    for step in range(2000):
        np.add.at(counts, batches.indices(step), 1)
    for label in range(4):
        share = counts[labels == label]
        assert share.min() > 0.8 * share.mean()
        assert share.max() < 1.25 * share.mean()


def test_a_step_depends_on_nothing_but_its_number():
    labels = labelled([5, 9, 2, 14, 3])
    settings = {"classes": 3, "images": 4, "seed": 8}
    batches = Batches(labels, **settings)
    in_order = [batches.indices(step) for step in range(40)]
    for step in (39, 0, 17, 16, 18, 17):
        np.testing.assert_array_equal(batches.indices(step), in_order[step])
        np.testing.assert_array_equal(Batches(labels, **settings).indices(step), in_order[step])
    assert len({tuple(drawn) for drawn in in_order}) == 40
    other = Batches(labels, **{**settings, "seed": 9})
    assert any((other.indices(step) != in_order[step]).any() for step in range(40))


def test_names_and_codes_draw_the_same_images():
    names = ["b", "a", "b", "c", "a", "c", "c"]
    codes = np.array([1, 0, 1, 2, 0, 2, 2])
    by_name, by_code = (Batches(labels, classes=2, images=2, seed=0) for labels in (names, codes))
    for step in range(10):
        np.testing.assert_array_equal(by_name.indices(step), by_code.indices(step))


@settings(max_examples=30, deadline=None)
@given(sizes, st.integers(2, 6), st.integers(2, 5), st.integers(0, 2**40))
def test_without_repeats_an_image_comes_once_a_batch(sizes, classes, images, seed):
    labels = labelled(sizes)
    often, once = (
        Batches(labels, classes=classes, images=images, seed=seed, repeats=repeats) for repeats in (True, False)
    )
    for step in range(2 * once.steps_per_sweep):
        drawn = once.indices(step).tolist()
        assert drawn == list(dict.fromkeys(often.indices(step).tolist()))


def test_unlabelled_images_are_never_drawn():
    labels = np.array([-1, 0, 0, 1, -1, 1, 1, -1])
    batches = Batches(labels, classes=2, images=2, seed=0)
    assert set(np.concatenate([batches.indices(step) for step in range(20)])) == {1, 2, 3, 5, 6}


def test_a_step_does_no_work_over_all_images(monkeypatch):
    batches = Batches(np.repeat(np.arange(10), 3000), classes=5, images=10, seed=0)
    drawn = []
    real = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", lambda key: drawn.append(key) or real(key))
    for step in range(200):
        batches.indices(step)
    assert len(drawn) == 10 + 100  # a permutation for each class, and one of the classes for each of the 100 sweeps


@pytest.mark.parametrize(
    ("labels", "change", "said"),
    [
        (["shoe"] * 4, {}, "1 class ('shoe')"),
        ([], {}, "0 class (none)"),
        (np.array([-1, -1, 3, 3]), {}, "1 class (3)"),
        (["a", "b", "c"], {}, "none of the 3 training classes has two images"),
        (["a", "a", "b"], {"classes": 1}, "batch.classes is 1"),
        (["a", "a", "b"], {"images": 1}, "batch.images is 1"),
    ],
)
def test_what_gives_no_triplet_is_refused(labels, change, said):
    with pytest.raises(LookalikeError) as refused:
        Batches(labels, **({"classes": 2, "images": 2, "seed": 0} | change))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
