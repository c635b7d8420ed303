"""What the wheel holds: all rooms, the recipes and py.typed; no tests, no benchmarks."""

import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path, needs):
    needs("build")
    needs("setuptools")
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    clone = tmp_path / "clone"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(clone)]
    subprocess.run(command, capture_output=True, text=True, check=True)
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as wheel:
        held = {name.removeprefix("lookalike/") for name in wheel.namelist() if name.startswith("lookalike/")}
        others = {name.split("/")[0] for name in wheel.namelist() if not name.startswith("lookalike/")}
    outside = ("tests/", "benchmarks/", ".ci/", ".git")
    expected = {
        n
        for n in names
        if n.endswith((".py", ".toml", "py.typed", "page.css", "page.js")) and not n.startswith(outside)
    }
    assert held == expected - {"pyproject.toml"}
    assert all(name.endswith(".dist-info") for name in others)
