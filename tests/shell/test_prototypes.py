"""`lookalike prototypes` and `lookalike cluster` as a person meets them."""

import json

import numpy as np
import pytest

from lookalike import Collection
from lookalike.cli import run

from ..search.conftest import clusters


def lines(capsys) -> list[dict]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.fixture
def path(tmp_path):
    vectors, labels = clusters(0, 60, spread=0.2)
    with Collection.create(tmp_path / "shop") as shop:
        shop.add(vectors, [f"k{i}" for i in range(60)], labels)
    return str(tmp_path / "shop")


def test_prototypes_lists_sets_and_goes_back(path, capsys):
    assert run(["prototypes", path, "--json"]) == 0
    first = lines(capsys)
    assert [row["class"] for row in first] == ["c0", "c1", "c2", "c3"]
    assert sum(row["count"] for row in first) == 60 and {row["prototypes"] for row in first} == {1}
    assert run(["prototypes", path, "--window", "5", "--per-class", "2", "--json"]) == 0
    changed = lines(capsys)
    assert {row["count"] for row in changed} == {5} and {row["prototypes"] for row in changed} == {2}
    assert [row["newest_key"] for row in changed] == [row["newest_key"] for row in first]
    assert run(["prototypes", path, "--json"]) == 0
    assert lines(capsys) == changed
    assert run(["prototypes", path, "--window", "0", "--per-class", "1", "--json"]) == 0
    assert lines(capsys) == first


def test_prototypes_prints_a_table(path, capsys):
    assert run(["prototypes", path, "--window", "5"]) == 0
    said = capsys.readouterr()
    table = said.out.splitlines()
    assert table[0].split()[:3] == ["class", "images", "prototypes"] and len(table) == 5
    assert table[1].startswith("c0") and " 5 " in table[1]
    assert said.err == "1 prototype per class, computed from the newest 5 images of the class\n"


def test_classify_uses_what_was_set(path, capsys, tmp_path):
    query = str(tmp_path / "q.npy")
    np.save(query, clusters(7, 30, spread=0.2)[0])
    assert run(["classify", path, query, "--json"]) == 0
    before = [answer["distance"] for answer in lines(capsys)]
    assert run(["prototypes", path, "--per-class", "4", "--json"]) == 0
    capsys.readouterr()
    assert run(["classify", path, query, "--json"]) == 0
    after = [answer["distance"] for answer in lines(capsys)]
    assert len(after) == 30 and np.mean(after) < np.mean(before)


def test_cluster_emits_one_object_a_cluster_and_one_of_them_all(path, capsys, tmp_path):
    out = tmp_path / "c.csv"
    assert run(["cluster", path, "-k", "4", "--json", "--out", str(out)]) == 0
    said = capsys.readouterr()
    *found, all_of_them = [json.loads(line) for line in said.out.splitlines()]
    assert [each["cluster"] for each in found] == [0, 1, 2, 3]
    assert all(list(each) == ["cluster", "size", "label", "purity", "spread", "medoids", "paths"] for each in found)
    assert sum(each["size"] for each in found) == 60 and {each["label"] for each in found} == {"c0", "c1", "c2", "c3"}
    together = {"clusters": 4, "images": 60, "noise": 0, "method": "kmeans", "purity": 1.0, "nmi": 1.0}
    assert all_of_them == pytest.approx(together) and "clusters" not in said.err
    written = np.loadtxt(out, delimiter=",", skiprows=1, usecols=1, dtype=int)
    assert np.bincount(written).tolist() == [each["size"] for each in found]


def test_cluster_prints_a_table_and_finds_the_number_itself(path, capsys):
    assert run(["cluster", path]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[0].split()[0] == "cluster" and out[-1].startswith("4 clusters of 60 images")
    assert "by hdbscan" in out[-1]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["prototypes", "--window", "-1"], 2, "-1"),
        (["prototypes", "--per-class", "0"], 2, "0"),
        (["cluster", "--k", "61"], 1, "k is 61"),
        (["cluster", "--method", "kmeans"], 1, "needs the number of clusters"),
        (["cluster", "--k", "2", "--out", "clusters.docx"], 1, "clusters.docx"),
    ],
)
def test_errors_are_one_line(path, capsys, arguments, code, named):
    assert run([arguments[0], path, *arguments[1:]]) == code
    said = capsys.readouterr()
    assert named in said.err and said.out == "" and len(said.err.splitlines()) == 1
