"""`evaluate` against plain loops: what is left out, what is undefined, what the threshold touches."""

import numpy as np
import pytest

from lookalike import LookalikeError
from lookalike.search.evaluating.evaluate import interclass_distance
from lookalike.search.neighbours.own_picture import rows_of_contents
from lookalike.store.changing.writer import writing
from lookalike.store.errors import LookalikeWarning

from ..conftest import clusters, unit
from ..deciding.test_rank import naive_prototypes, naive_vote
from ..stub import content, give_source


def add_with_contents(collection, vectors, labels, numbers, prefix="x"):
    """Add rows whose images have the contents `numbers`, as embedding would."""
    from lookalike.store.files.parts import Rows, lookup_columns, write_part

    n = len(vectors)
    rows = Rows(
        keys=[f"{prefix}{i}" for i in range(n)], vectors=vectors, labels=labels, contents=[content(i) for i in numbers],
        widths=[8] * n, heights=[8] * n, source="test", sizes=[1] * n, mtimes_ns=[1] * n, extra=None,
    )  # fmt: skip
    with writing(collection._view.store) as writer:
        writer.add_part(write_part(collection.path, rows, None), lookup_columns(rows))
        writer.commit()
    collection.refresh()


def naive_retrieval(vectors, labels, query, label, own):
    """recall@1 and average precision at R by sorting."""
    rows = [i for i in range(len(vectors)) if i not in own]
    wanted = sum(labels[i] == label for i in rows)
    order = sorted(rows, key=lambda i: (-float(query @ vectors[i]), labels[i] == label))
    hits, total = 0, 0.0
    for rank, i in enumerate(order[:wanted], 1):
        if labels[i] == label:
            hits += 1
            total += hits / rank
    return float(labels[order[0]] == label), total / wanted


@pytest.mark.parametrize("by", ["prototype", "knn"])
def test_all_fields_against_loops_with_own_contents_left_out(shop, by):
    shop.remove([f"k{i}" for i in range(60)])
    vectors, labels = clusters(1, 40)
    add_with_contents(shop, vectors, labels, range(40))
    # Queries: twelve stored images, one of them stored twice, and eight new ones, two of a class that is not there.
    add_with_contents(shop, vectors[:1], labels[:1], [0], prefix="copy")
    new, new_labels = clusters(2, 8)
    new_labels[6:] = ["strange", "strange"]
    queries, asked = np.concatenate([vectors[:12], new]), labels[:12] + new_labels
    give_source(shop, queries, asked, [content(i) for i in range(12)] + [content(500 + i) for i in range(8)])
    measured = shop.evaluate("any", by=by, k=5)

    stored, stored_labels = np.concatenate([vectors, vectors[:1]]), labels + labels[:1]
    own = [{0, 40}] + [{i} for i in range(1, 12)] + [set()] * 8
    known = [i for i in range(20) if asked[i] != "strange"]
    pairs = [naive_retrieval(stored, stored_labels, queries[i], asked[i], own[i]) for i in known]
    assert measured["recall_at_1"] == pytest.approx(np.mean([r for r, _ in pairs]))
    assert measured["map_at_r"] == pytest.approx(np.mean([p for _, p in pairs]))
    if by == "prototype":
        said = [naive_prototypes(stored, stored_labels, queries[i], own[i])[0][0] for i in known]
    else:
        said = [naive_vote(stored, stored_labels, queries[i], 5, own[i])[0] for i in known]
    assert measured["accuracy"] == pytest.approx(np.mean([s == asked[i] for s, i in zip(said, known, strict=True)]))
    assert (measured["queries"], measured["rejected_images"]) == (20, 3)
    same = np.array([[a == b for a in asked] for b in asked])[np.triu_indices(20, 1)]
    scores = (queries @ queries.T)[np.triu_indices(20, 1)]
    wins = (scores[same][:, None] > scores[~same]).mean() + 0.5 * (scores[same][:, None] == scores[~same]).mean()
    assert measured["auc"] == pytest.approx(wins, abs=1e-9)
    assert measured["unknown"]["queries"] == 2 and 0 <= measured["unknown"]["auroc"] <= 1
    assert measured["unknown"]["false_accepts"] is None and measured["unknown"]["false_rejects"] is None


def test_without_unknown_classes_and_with_one_class_measures_are_null(shop):
    shop.remove([f"k{i}" for i in range(60)])
    shop.add(unit(np.ones((3, 8)) + np.eye(3, 8)), ["a", "b", "c"], ["one"] * 3)
    give_source(shop, unit(np.ones((2, 8))), ["one", "one"])
    measured = shop.evaluate("any")
    assert measured["unknown"] is None and measured["interclass_distance"] is None
    assert measured["auc"] is None and measured["tpr_at_fpr_1e-3"] is None
    assert measured["recall_at_1"] == measured["accuracy"] == 1.0


def test_only_unknown_classes_leave_the_known_measures_undefined(shop):
    give_source(shop, unit(np.ones((4, 8)) + np.eye(4, 8)), ["new"] * 4)
    with pytest.warns(LookalikeWarning, match=r"none of the 1 labels of any \(new\) is a class of the collection"):
        measured = shop.evaluate("any")
    assert measured["recall_at_1"] is None and measured["map_at_r"] is None and measured["accuracy"] is None
    assert measured["unknown"]["queries"] == 4 and measured["unknown"]["auroc"] is None


def test_a_source_without_labels_is_refused(shop):
    give_source(shop, unit(np.ones((4, 8))), [None] * 4)
    with pytest.raises(LookalikeError, match="no labels"):
        shop.evaluate("any")


def test_all_rows_of_a_content_are_found(shop):
    add_with_contents(shop, unit(np.eye(3, 8)), ["a", "b", None], [7, 8, 7])
    found = rows_of_contents(shop._view.store, [content(7), None, content(99), content(8)])
    assert [rows.tolist() for rows in found] == [[60, 62], [], [], [61]]


def test_interclass_distance_is_the_mean_over_pairs():
    prototypes = unit(np.random.default_rng(0).normal(size=(5, 3)))
    pairs = [np.linalg.norm(prototypes[i].astype(float) - prototypes[j]) for i in range(5) for j in range(i)]
    assert interclass_distance(prototypes, range(5)) == pytest.approx(np.mean(pairs), abs=1e-6)


def test_interclass_distance_leaves_out_prototypes_of_one_class():
    prototypes = unit(np.random.default_rng(0).normal(size=(5, 3)))
    owners = [0, 0, 1, 2, 2]
    pairs = [
        np.linalg.norm(prototypes[i].astype(float) - prototypes[j])
        for i in range(5)
        for j in range(i)
        if owners[i] != owners[j]
    ]
    assert interclass_distance(prototypes, owners) == pytest.approx(np.mean(pairs), abs=1e-6)
    assert interclass_distance(prototypes, [0] * 5) is None


def test_rows_without_a_label_are_no_neighbours_to_be_judged_by(shop):
    queries, labels = clusters(2, 12)
    contents = [content(0), *(content(500 + i) for i in range(11))]
    give_source(shop, queries, labels, contents)
    before = shop.evaluate("any")
    add_with_contents(shop, queries, [None] * 12, range(12))  # each query's nearest, one of them its own
    after = shop.evaluate("any")
    assert {name: after[name] for name in ("recall_at_1", "map_at_r")} == {
        name: before[name] for name in ("recall_at_1", "map_at_r")
    }
