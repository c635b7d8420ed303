import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from lookalike.shell import upkeep as commands
from lookalike.store.disk.memory import in_words
from lookalike.store.errors import LookalikeError
from lookalike.store.files.manifest import manifest_path, versions
from lookalike.store.version.store import Store
from lookalike.store.version.tables import info, live_table


@pytest.fixture
def shell():
    """shell(command, *arguments) -> (exit status, stdout)."""

    def run(name, *arguments):
        result = CliRunner().invoke(getattr(commands, name), [str(a) for a in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.exit_code, result.stdout

    return run


def test_info_answers_in_json_and_for_people(shop, shell):
    with Store.open(shop) as store:
        expected = info(store).to_json()
    status, out = shell("info", shop, "--json")
    assert (status, json.loads(out)) == (0, expected)
    status, out = shell("info", shop)
    sources = expected.pop("sources")
    *facts, first, second = out.splitlines()
    said = expected | {"bytes": f"{expected['bytes']:,} ({in_words(expected['bytes'])})"}
    assert [line.split(maxsplit=1) for line in facts] == [[name, str(value)] for name, value in said.items()]
    for line, source in zip((first, second), sources, strict=True):
        assert line == f"source {source['source']}: {source['rows']} images, added from memory"
    assert json.loads(shell("info", shop, "--version", 2, "--json")[1])["version"] == 2


def test_verify_exits_1_where_anything_is_damaged(shop, shell, monkeypatch):
    monkeypatch.setattr("lookalike.shell.upkeep._try_index", lambda *_: None)  # this one is no index of FAISS
    status, out = shell("verify", shop)
    assert (status, out.split(" ", 1)[1]) == (0, "files, 0 problems\n")
    manifest_path(shop, 1).write_bytes(b"")
    status, out = shell("verify", shop)
    assert status == 1
    assert out.startswith("manifests/00000001.json: ")
    status, out = shell("verify", shop, "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert status == 1
    assert [line["file"] for line in lines if line["problem"]] == ["manifests/00000001.json"]


def test_rollback_and_gc(shop, shell):
    assert shell("rollback", shop, "--to", 2, "--json") == (0, '{"version": 6, "rows": 6}\n')
    status, out = shell("gc", shop, "--json")
    assert status == 0
    assert json.loads(out)["versions"] == 4
    assert versions(shop) == [5, 6]
    manifest_path(shop, 6).write_bytes(b"")
    assert shell("rollback", shop) == (0, "version  7\nrows     7\n")


def test_export_writes_all_rows_once(shop, shell, tmp_path):
    with Store.open(shop) as store:
        table, vectors = live_table(store), store.gather(store.live_rows())
    assert shell("export", shop, tmp_path / "out.parquet", "--json")[0] == 0
    assert pq.read_table(tmp_path / "out.parquet").equals(table)
    assert shell("export", shop, tmp_path / "out.npy")[0] == 0
    assert np.array_equal(np.load(tmp_path / "out.npy"), vectors)
    with pytest.raises(LookalikeError, match="name is taken"):
        shell("export", shop, tmp_path / "out.npy")
    with pytest.raises(LookalikeError, match=r"\.parquet or \.npy"):
        shell("export", shop, tmp_path / "out.csv")
    with Store.create(tmp_path / "new"), pytest.raises(LookalikeError, match="never held a vector"):
        shell("export", tmp_path / "new", tmp_path / "new.npy")
    assert sorted(p.name for p in tmp_path.glob("*.*")) == ["out.npy", "out.parquet"]


def test_every_command_has_help(shell):
    for name in ("info", "verify", "rollback", "gc", "export"):
        status, out = shell(name, "--help")
        assert status == 0
        assert "COLLECTION" in out and "--json" in out
