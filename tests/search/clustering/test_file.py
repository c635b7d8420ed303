"""Clusters written to a file."""

import csv

import pyarrow.parquet as pq
import pytest

from lookalike import Collection, LookalikeError
from lookalike.search.clustering.file import check_cluster_file, write_cluster_file
from lookalike.store.files.escaped import escaped, unescaped

from ..conftest import clusters

KEYS = ["plain", "with, comma", 'quote"', "new\nline", "byte \udcff"]


@pytest.fixture
def found(tmp_path):
    with Collection.create(tmp_path / "odd") as shop:
        shop.add(clusters(0, 5)[0], KEYS)
        yield shop.cluster(2)


def test_a_csv_is_read_back(found, tmp_path):
    path = tmp_path / "c.csv"
    path.write_text("older")
    write_cluster_file(path, found)
    with open(path, newline="", encoding="utf-8") as file:
        head, *lines = csv.reader(file)
    assert head == ["key", "cluster"]
    assert [unescaped(key) for key, _ in lines] == KEYS
    assert [int(code) for _, code in lines] == found.codes.tolist()


def test_a_parquet_is_read_back(found, tmp_path):
    write_cluster_file(tmp_path / "c.parquet", found)
    table = pq.read_table(tmp_path / "c.parquet").to_pydict()
    assert table == {"key": [escaped(key) for key in KEYS], "cluster": found.codes.tolist()}


@pytest.mark.parametrize("name", ["c.xlsx", "c", "missing/c.csv"])
def test_a_name_that_cannot_be_written_is_refused_before_any_work(tmp_path, name):
    with pytest.raises(LookalikeError, match=name.split("/")[0]):
        check_cluster_file(tmp_path / name)
