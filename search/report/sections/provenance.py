"""Where everything in the report comes from: collection, model, sources, calibration, index, software, date."""

import json
import platform
from collections import Counter
from datetime import datetime
from importlib import metadata
from typing import Any

from ...deciding.calibration import Calibration
from ..material import Material
from ..page import Section, facts

NAME, TITLE = "provenance", "Provenance"
_SOFTWARE = ("numpy", "pyarrow", "scikit-learn", "pillow", "matplotlib", "torch")
_FAISS = ("faiss-cpu", "faiss-gpu", "faiss-gpu-cuvs")
_MOST, _BLOCK = 10, 1 << 16


def section(material: Material, date: datetime) -> Section:
    """A table of facts."""
    store = material.store
    model, recipe = store.model, (material.card or {}).get("recipe") or {}
    rows: list[tuple[str, object]] = [
        ("collection", f"{store.path.name}, version {store.version}"),
        ("images", f"{store.rows:,} of {len(store.classes):,} classes, {store.dim} numbers each"),
        *_sources(material),
        ("model", "none: vectors made elsewhere" if model is None else f"{_model(recipe)}, {model.precision}"),
        *([] if model is None else [("model's digest", model.digest)]),
        ("recipe", _recipe(recipe)),
        ("queries", material.questions.named()),
        ("calibration", _calibration(material.calibration, store.version)),
        ("index", ", ".join(sorted({entry.spec for entry in store.content.segments})) or "none: exact search"),
        ("seed", material.seed),
        ("software", _software()),
        ("written", date.isoformat(timespec="seconds")),
    ]
    return Section(NAME, TITLE, facts(rows))


def _sources(material: Material) -> list[tuple[str, object]]:
    counts = _counted(material).most_common()
    names = {"add": "vectors added from memory"}
    rows: list[tuple[str, object]] = [("source", f"{names.get(name, name)} ({n:,} rows)") for name, n in counts[:_MOST]]
    return [*rows, ("further sources", len(counts) - _MOST)] if len(counts) > _MOST else rows


def _counted(material: Material) -> Counter[str]:
    """How many live rows each source has, block by block."""
    rows = material.store.live_rows()
    counts: Counter[str] = Counter()
    for start in range(0, len(rows), _BLOCK):
        counts.update(material.store.facts(rows[start : start + _BLOCK]).source)
    return counts


def _calibration(calibration: Calibration | None, version: int) -> str:
    if calibration is None:
        return "none: nothing is answered unknown"
    words = "; ".join(str(calibration).splitlines())
    return f"{words} (source {calibration.source}, version {calibration.version} of {version})"


def _model(recipe: dict[str, Any]) -> str:
    """The model in words: its network, whether it began with pretrained weights, and whether it was trained."""
    model, steps = recipe.get("model") or {}, (recipe.get("training") or {}).get("steps")
    begun = "pretrained on ImageNet" if model.get("pretrained") else "random initial weights"
    trained = "not trained further" if steps == 0 else "trained on own images"
    return f"{model.get('backbone', 'unknown network')}, {begun}, {trained}"


def _recipe(recipe: dict[str, Any]) -> str:
    """The resolved recipe on one line, table by table."""
    tables = (
        f"[{name}] {' '.join(f'{key}={json.dumps(value)}' for key, value in sorted(table.items()))}"
        for name, table in sorted(recipe.items())
        if isinstance(table, dict)
    )
    return " ".join(tables) or "none"


def _software() -> str:
    found = [f"lookalike {_version('lookalike')}", f"Python {platform.python_version()}"]
    found += [f"{name} {version}" for name in (*_SOFTWARE, *_FAISS) if (version := _version(name))]
    return ", ".join(found)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
