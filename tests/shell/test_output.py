"""Progress on a terminal and in a log: how far it is and how long still, whatever the note is."""

import io

import pytest

from lookalike.shell import output as shell


@pytest.mark.parametrize(("columns", "whole"), [(80, False), (160, True)])
def test_a_narrow_terminal_cuts_the_note_alone(monkeypatch, columns, whole):
    from rich.console import Console

    screen = io.StringIO()
    monkeypatch.setattr(
        "rich.console.Console", lambda **_: Console(file=screen, force_terminal=True, width=columns, color_system=None)
    )
    note = "loss 0.1670 · active 12.8% · positive 0.291 · negative 0.960 · recall@1 0.987"
    with shell.bar("train") as progress:
        progress(35, 60, note)
    drawn = [line for line in screen.getvalue().replace("\r", "\n").splitlines() if "35/60" in line][-1]
    assert "train" in drawn and "-:--:--" in drawn and "loss 0.1670" in drawn
    assert (note in drawn) == whole


def test_a_log_has_a_line_every_ten_seconds_with_the_time_left(monkeypatch, capsys):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    with shell.bar("embed") as progress:
        for done in range(0, 101, 10):
            progress(done, 100, "0 rejected")
            now[0] += 6.0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "embed: 20 of 100, 48 s left · 0 rejected" and len(said) == 5
    with shell.bar("find") as progress:
        now[0] += 100
        progress(5, None, "5 images found")
    assert capsys.readouterr().err == "find: 5 · 5 images found\n"


def test_long_times_are_minutes():
    assert shell._left(60, 1, 10) == ", 10 min left" and shell._left(0, 0, 5) == ""


def test_a_table_aligns_wide_characters_and_takes_nothing_for_markup():
    lines = shell.table(("class", "images", "typical"), [["靴", "7", "[red]a"], ["shoe", "12", "b"]])
    assert lines == ["class  images  typical", "靴          7  [red]a", "shoe       12  b"]
    assert shell.table(("a", "b"), [["x", "7"], ["y", "12"]], last_left=False) == ["a   b", "x   7", "y  12"]
    assert shell.table(("name", "x"), [["n" * 3000, "1"]])[1] == f"{'n' * 3000}  1"
