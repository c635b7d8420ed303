"""Whatever is in keys, labels, columns, folders or arguments, a terminal gets nothing that it would obey."""

import ast
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lookalike.cli import run
from lookalike.shell import output as shell

ROOT = Path(__file__).resolve().parents[2]
EVIL = "x\x1b[31m\x07\r\u202e\u200b\u2066\x9b1m\ny"
PLAIN = "größe 靴 😀 e\u0301"


def safe(said: str) -> bool:
    """Whether all lines of what was printed are printable."""
    return all(line.isprintable() for line in said.split("\n"))


@pytest.fixture
def evil(tmp_path, monkeypatch):
    """A collection in a folder of an evil name, with evil keys, labels and columns."""
    monkeypatch.chdir(tmp_path)
    vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.eye(6, dtype=np.float32).ravel()), 6)
    columns = {"key": [f"{EVIL}{i}" for i in range(6)], "label": [EVIL, EVIL, PLAIN, PLAIN, "z", None]}
    pq.write_table(pa.table({**columns, "vector": vectors}), "evil.parquet")
    assert run(["import", f"shop{EVIL}", "evil.parquet"]) == 0
    return f"shop{EVIL}"


COMMANDS = [
    ["info"],
    ["verify"],
    ["search", f"key:{EVIL}0", "-k", "5"],
    ["search", f"nope{EVIL}"],
    ["classify", f"key:{EVIL}0"],
    ["search", f"key:{EVIL}0", "--where", f"label = '{EVIL}'"],
    ["search", f"key:{EVIL}0", "--where", f'"{EVIL}" = 1'],
    ["search", f"key:{EVIL}0", f"--{EVIL}"],
    ["search", f"key:{EVIL}0", "-k", EVIL],
    ["search", f"key:{EVIL}0", "--sheet", f"{EVIL}.png"],
    ["remove", f"no{EVIL}"],
    ["prototypes"],
    ["cluster", "-k", "2"],
    ["cluster", "-k", "2", "--out", f"{EVIL}/x.csv"],
    ["calibrate", EVIL],
    ["export", f"{EVIL}.docx"],
    ["rollback", "--to", "99"],
    ["index", "--spec", EVIL],
    ["gc", "--keep-younger", EVIL],
    ["embed", EVIL, "--model", EVIL],
    ["import", f"{EVIL}.npy"],
]


@pytest.mark.parametrize("arguments", COMMANDS, ids=[" ".join(map(repr, command))[:40] for command in COMMANDS])
def test_nothing_that_a_terminal_obeys_is_printed(evil, arguments, capsys):
    capsys.readouterr()
    status = run([arguments[0], evil, *arguments[1:]])
    said = capsys.readouterr()
    assert safe(said.out) and safe(said.err) and (said.out or said.err)
    if status:
        assert said.err.count("\n") == 1 and "a bug in lookalike" not in said.err


@pytest.mark.parametrize("arguments", [[EVIL], ["train", EVIL, "--out", "m"], ["compare", EVIL, EVIL, "--model", EVIL]])
def test_neither_are_arguments(arguments, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run(arguments) != 0
    said = capsys.readouterr()
    assert safe(said.err) and said.err.count("\n") == 1 and "\\x1b[31m" in said.err


def test_nor_are_keys_of_a_recipe(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "recipe.toml").write_text('[data]\n"odd\\u001b[31m\\nkey" = 1\n')
    for debug in ([], ["--debug"]):
        assert run(["train", "recipe.toml", "--out", "m", *debug]) == 1
        said = capsys.readouterr().err
        assert safe(said) and "odd\\x1b[31m" in said


def test_letters_of_all_writings_stay(evil, capsys):
    assert run(["prototypes", evil]) == 0
    assert PLAIN in capsys.readouterr().out


def test_warnings_and_progress_are_escaped(capsys, monkeypatch):
    import warnings

    from lookalike.cli import _say_warning
    from lookalike.store.errors import LookalikeWarning

    monkeypatch.setattr(warnings, "showwarning", _say_warning)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        monkeypatch.setattr(warnings, "showwarning", _say_warning)
        warnings.warn(EVIL, LookalikeWarning, stacklevel=1)
    assert capsys.readouterr().err == f"warning: {shell.shown(EVIL)}\n"
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with shell.bar("embed") as progress:
        now[0] += 100
        progress(1, None, EVIL)
    assert capsys.readouterr().err == f"embed: 1 {shell.shown(EVIL)}\n"


def test_a_bar_draws_no_markup_and_no_escapes_of_a_note(monkeypatch):
    import io

    from rich.console import Console

    screen = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: Console(file=screen, force_terminal=True, width=300, color_system=None)
    )
    with shell.bar("[red]label") as progress:
        progress(1, 2, f"[bold]{EVIL}")
    assert "[red]label" in screen.getvalue() and "[bold]x\\x1b[31m\\x07\\r" in screen.getvalue()
    assert "\x07" not in screen.getvalue() and "\u202e" not in screen.getvalue()


def test_only_one_place_prints():
    """`echo` and `emit_json` of shell/output.py, and `note` of shell/terminal/streams.py below them."""
    allowed = {"shell/terminal/streams.py", "shell/output.py"}
    for path in sorted(ROOT.glob("*.py")) + [
        p
        for room in ("store", "search", "embedder", "indexer", "measures")
        for p in sorted((ROOT / room).rglob("*.py"))
    ]:
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and name not in allowed:
                called = ast.unparse(node.func)
                assert called not in ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write"), (
                    f"{name}:{node.lineno} calls {called}: use echo of shell/output.py"
                )
