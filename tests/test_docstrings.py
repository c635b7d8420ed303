"""The examples in docstrings run and print what they say."""

import doctest
import importlib

import pytest

from .test_house import ROOT, module_of, sources

WITH_EXAMPLES = [
    module_of(path) for path in [*sources(), ROOT / "__init__.py"] if ">>> " in path.read_text(encoding="utf-8")
]


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_examples_in_docstrings_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    failed, tried = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert tried and not failed
    assert not list(tmp_path.iterdir()), "an example leaves files behind"
