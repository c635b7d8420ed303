"""What every test may ask for, and what a machine may lack: skipped with a reason at home, failed in CI."""

import importlib.util
import os
from pathlib import Path

import pytest

FASHION_MNIST = Path("/usr/share/datasets/fashion-mnist")


def lacking(reason: str) -> None:
    """Skip with `reason`; fail where CI=true, since CI installs what the tests need."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"CI lacks what this test needs: {reason}")
    pytest.skip(reason)


@pytest.fixture
def needs():
    """needs("module") makes sure that a module is installed."""

    def check(module: str) -> None:
        if importlib.util.find_spec(module) is None:
            lacking(f"{module} is not installed")

    return check


@pytest.fixture(scope="session")
def fashion_mnist() -> Path:
    """The folder of Fashion-MNIST's four IDX files (Debian's dataset-fashion-mnist)."""
    if not FASHION_MNIST.is_dir():
        lacking("dataset-fashion-mnist is not installed (apt-get install dataset-fashion-mnist)")
    return FASHION_MNIST


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the cache of checked files of each test run away from the user's."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))
