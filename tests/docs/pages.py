"""The console and Python blocks of a page, running them, and comparing what they print with what the page shows."""

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lookalike import cli

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(console|python|text)\n(.*?)^```$", re.M | re.S)
PROGRESS = re.compile(r"^\w+: \d+( of \d+\b| · )")
NUMBER = re.compile(r"\d[\d,.]*(?:e-?\d+)?|bf16|fp32")
SHELL = re.compile(r"[|*<>$]|^(?!lookalike )")


def form(line: str) -> str:
    """A line without what varies: in a line with a decimal or a time in seconds, numbers may differ."""
    if re.search(r"\d\.\d|\d s\b|bf16|fp32", line):
        line = NUMBER.sub("#", line)
    return " ".join(re.sub(r"-{3,}", "-", line).split())


def pattern(shown: str) -> re.Pattern[str]:
    """What printed text must match: `...` stands for any text in a line, or for any lines if it is a line by itself."""
    lines = []
    for line in shown.splitlines():
        wild = r"(?:[^\n]*\n)*?" if line.strip() == "..." else None
        parts = [re.escape(form(part)) for part in re.split(r"\.\.\.", form(line))]
        lines.append(wild or r"[^\n]*".join(parts) + "\n")
    return re.compile("".join(lines))


def same(shown: str, printed: str) -> bool:
    """Whether a command printed what the page shows."""
    text = "".join(form(line) + "\n" for line in printed.splitlines())
    return pattern(shown).fullmatch(text) is not None


def blocks(page: Path) -> list[tuple[str, str]]:
    """The kind and content of each block of a page."""
    return BLOCK.findall(page.read_text())


def commands(block: str) -> Iterator[tuple[str, str]]:
    """Each command of a console block with the output that the page shows."""
    for piece in re.split(r"^\$ ", block, flags=re.M)[1:]:
        command, _, shown = piece.partition("\n")
        yield command.partition("  #")[0].strip(), shown


def printed_by(command: str, folder: Path) -> str:
    """What a command prints in `folder`, without progress; `lookalike` runs in this process if no shell is needed."""
    text = _in_shell(command, folder) if SHELL.search(command) else _here(shlex.split(command)[1:])
    return "".join(line + "\n" for line in text.splitlines() if not PROGRESS.match(line))


def _here(words: list[str]) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = cli._say_warning
        cli.run(words)
    return out.getvalue()


def _in_shell(command: str, folder: Path) -> str:
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    for name, words in (("python", ""), ("lookalike", " -m lookalike")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable}{words} "$@"\n')
        (programs / name).chmod(0o755)
    env = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "LC_ALL": "C"}
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=env, text=True, stdout=-1, stderr=subprocess.DEVNULL)
    return done.stdout


def printed_by_python(code: str, names: dict[str, Any]) -> str:
    """What Python code prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("default")
        exec(code, names)
    return out.getvalue()
