"""The examples in docstrings print what they say, and every public class and function has one."""

import doctest
import importlib
import importlib.util
import inspect
import pkgutil
import warnings

import pytest

import lookalike

WITHOUT_EXAMPLE = {"LookalikeError"}
"""Public names that have no example yet; the list only gets shorter."""

RESULTS = (
    "search.neighbours.hits.Hits",
    "search.deciding.decisions.Decisions",
    "search.deciding.calibration.Calibration",
)
"""Classes that users get from public ones without importing them."""


def rooms_with_examples() -> list[str]:
    """The modules below the package whose source has an example."""
    names = []
    for room in ("embedder", "indexer", "measures", "search", "store"):
        package = importlib.import_module(f"lookalike.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            spec = importlib.util.find_spec(module.name)
            if spec is not None and spec.origin is not None:
                with open(spec.origin, encoding="utf-8") as source:
                    if "    >>> " in source.read():
                        names.append(module.name)
    return names


def has_example(public) -> bool:
    return any(test.examples for test in doctest.DocTestFinder().find(public, public.__name__))


@pytest.mark.parametrize("name", rooms_with_examples())
def test_examples_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.attempted > 0 and result.failed == 0
    assert not list(tmp_path.iterdir()), "an example leaves files behind"


def test_every_public_name_has_an_example():
    public = {name: getattr(lookalike, name) for name in lookalike.__all__}
    lacking = {name for name, value in public.items() if not isinstance(value, str) and not has_example(value)}
    assert lacking == WITHOUT_EXAMPLE


@pytest.mark.parametrize("path", RESULTS)
def test_every_result_has_an_example(path):
    module, name = path.rsplit(".", 1)
    result = getattr(importlib.import_module(f"lookalike.{module}"), name)
    assert inspect.isclass(result) and has_example(result)
