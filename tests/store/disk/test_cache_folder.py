import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from lookalike.store.disk import checked as checked_module
from lookalike.store.disk.cache_folder import cache_folder, open_cached
from lookalike.store.disk.checked import _cache_name, checked, remember
from lookalike.store.errors import LookalikeWarning

TRY = "from lookalike.store.disk.cache_folder import cache_folder; print(cache_folder('x'))"


def found(folder, **environment):
    """What a process in `folder` with these variables (and none else) takes for the cache folder `x`."""
    variables = {name: value for name, value in environment.items() if value is not None}
    done = subprocess.run([sys.executable, "-c", TRY], cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_cache_lies_below_the_home_or_where_the_variable_says(tmp_path):
    assert found(tmp_path, HOME=f"{tmp_path}/me") == "None" and not (tmp_path / "me").exists()  # no home is made
    (tmp_path / "me").mkdir()
    assert found(tmp_path, HOME=f"{tmp_path}/me") == f"{tmp_path}/me/.cache/lookalike/x"
    assert found(tmp_path, HOME=f"{tmp_path}/me", XDG_CACHE_HOME=f"{tmp_path}/c") == f"{tmp_path}/c/lookalike/x"
    assert found(tmp_path, HOME=f"{tmp_path}/me", XDG_CACHE_HOME="") == f"{tmp_path}/me/.cache/lookalike/x"
    assert stat.S_IMODE((tmp_path / "c" / "lookalike" / "x").stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "variables",
    [
        {"HOME": ""},
        {"HOME": "~"},
        {"HOME": "."},
        {"HOME": "relative/home"},
        {"HOME": "/", "XDG_CACHE_HOME": "relative"},
        {"HOME": "/", "XDG_CACHE_HOME": "~/.cache"},
        {"HOME": "/dev/null"},
        {"HOME": "/", "XDG_CACHE_HOME": "/dev/null"},
        {"HOME": "/", "XDG_CACHE_HOME": "/proc/none"},
    ],
)
def test_without_an_absolute_folder_there_is_no_cache(tmp_path, variables):
    assert found(tmp_path, **variables) == "None"
    assert list(tmp_path.iterdir()) == []


def test_without_a_home_nothing_is_called_tilde(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", lambda uid: {}[uid])  # a container's user without an entry
    assert cache_folder("x") is None and list(tmp_path.iterdir()) == []


@pytest.fixture
def base(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "base"))
    return tmp_path / "base"


@pytest.mark.parametrize("which", ["lookalike", "lookalike/x"])
@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_trusted(base, which, mode):
    assert cache_folder("x") == base / "lookalike" / "x"
    (base / which).chmod(mode)
    with pytest.warns(
        LookalikeWarning, match=rf"the cache is not used, since .*{which} can be written to by other users"
    ):
        assert cache_folder("x") is None


@pytest.mark.parametrize("which", ["lookalike", "lookalike/x"])
def test_a_folder_of_somebody_else_is_not_trusted(base, which, monkeypatch):
    cache_folder("x")
    lstat = os.lstat

    def of_another(path):
        values = list(lstat(path))
        values[stat.ST_UID] += Path(path) == base / which
        return os.stat_result(values)

    monkeypatch.setattr(os, "lstat", of_another)
    with pytest.warns(LookalikeWarning, match="belongs to another user"):
        assert cache_folder("x") is None


@pytest.mark.parametrize("make", [lambda p, q: p.symlink_to(q), lambda p, q: p.write_bytes(b"")])
def test_a_link_or_a_file_in_its_place_is_not_trusted(base, tmp_path, make):
    base.mkdir()
    make(base / "lookalike", tmp_path)
    with pytest.warns(LookalikeWarning, match="is not a folder"):
        assert cache_folder("x") is None
    assert not (tmp_path / "x").exists()


def test_only_regular_files_of_ours_are_opened(base, tmp_path):
    folder = cache_folder("x")
    assert folder is not None
    with open_cached(folder / "new", "ab") as file:
        file.write(b"123")
    assert stat.S_IMODE((folder / "new").stat().st_mode) == 0o600
    with open_cached(folder / "new", most=3) as file:
        assert file.read() == b"123"
    os.mkfifo(folder / "fifo")
    (folder / "link").symlink_to(folder / "new")
    (folder / "loose").write_bytes(b"")
    (folder / "loose").chmod(0o666)
    for name in ("fifo", "link", "loose", "absent"):
        with pytest.raises(OSError):
            open_cached(folder / name)
    with pytest.raises(OSError, match="more than 2"):
        open_cached(folder / "new", most=2)


def test_without_a_cache_a_process_remembers_what_it_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").write_bytes(bytes(2 << 20))
    size, digest = checked_module.digest_of(tmp_path / "a")
    remember(tmp_path / "a", digest)
    monkeypatch.setattr(checked_module, "digest_of", None)  # it would be called were it not remembered
    assert checked(tmp_path / "a", size, digest) == tmp_path / "a"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda p: os.symlink("/dev/zero", p)])
def test_what_is_no_file_in_the_place_of_remembered_checks_is_passed_over(base, tmp_path, make):
    (tmp_path / "a").write_bytes(b"content")
    folder = cache_folder("checked")
    assert folder is not None
    make(folder / _cache_name(tmp_path))
    size, digest = checked_module.digest_of(tmp_path / "a")
    for _ in range(2):
        assert checked(tmp_path / "a", size, digest) == tmp_path / "a"
