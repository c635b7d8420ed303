"""Upkeep from Python: verify, rollback, gc and export say what the shell's commands say."""

import json
import pickle

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from lookalike import Collection, LookalikeError
from lookalike.cli import cli
from lookalike.store.files.manifest import manifest_path


def said(*arguments):
    """The JSON lines of a command."""
    return [json.loads(line) for line in CliRunner().invoke(cli, [*map(str, arguments), "--json"]).stdout.splitlines()]


def test_verify_lists_every_file_and_what_is_wrong(shop):
    shop.index()
    checks = shop.verify()
    assert [check.to_json() for check in checks] == said("verify", shop.path)
    assert {check.problem for check in checks} == {None} and len(checks) > 4
    manifest_path(shop.path, 1).write_bytes(b"")
    assert [check.file for check in shop.verify() if check.problem] == ["manifests/00000001.json"]


def test_rollback_moves_to_what_it_publishes(shop):
    version = shop.info().version
    shop.remove("k0")
    result = shop.rollback(version)
    assert result == {"version": version + 2, "rows": 60} and len(shop) == 60
    assert shop.info().version == result.version
    assert said("rollback", shop.path, "--to", version) == [result.to_json()]  # nothing to change
    with pytest.raises(LookalikeError, match="version 99"):
        shop.rollback(99)


def test_gc_takes_times_as_numbers_and_as_text(shop):
    for key in ("k0", "k1", "k2"):
        shop.remove(key)
    stray = shop.path / "vectors" / "stray"
    stray.write_bytes(b"1234")
    kept = shop.gc("1h")
    assert kept.kept_files == 1 and stray.exists()
    assert kept.versions == shop.info().version - 2
    assert shop.gc(0) == {"versions": 0, "files": 1, "bytes": 4, "kept_files": 0}
    with pytest.raises(LookalikeError, match="'soon'"):
        shop.gc("soon")


def test_export_writes_the_version_that_is_open(shop, tmp_path):
    with Collection.open(shop.path) as reader:
        shop.remove("k0")
        assert reader.export(tmp_path / "all.parquet") == {"file": str(tmp_path / "all.parquet"), "rows": 60}
    assert pq.read_table(tmp_path / "all.parquet").num_rows == 60
    assert shop.export(tmp_path / "x.npy").rows == 59
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), shop.raw[0][1:])


def test_results_survive_pickle(shop):
    for result in (shop.info(), shop.bench(k=2), shop.index(), shop.search("k1", k=2)[0]):
        assert pickle.loads(pickle.dumps(result)) == result  # noqa: S301
