"""lookalike finds pictures that look alike, and says what they are, or that it does not know.

    import lookalike
    shop = lookalike.Collection.open("shop")
    hits = shop.search("query.jpg", k=10)

Only light modules are imported here; torch, faiss and scikit-learn load where they are first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .embedder.encoders.compare import compare
    from .embedder.training.by_recipe import train
    from .search.calibrating.labelled_source import LabelledSource
    from .search.collection import Collection
    from .search.estimators.knn import KNNClassifier
    from .search.estimators.linear import LinearClassifier
    from .search.estimators.prototype import PrototypeClassifier
    from .store.errors import LookalikeError

__version__ = "0.1.0"
__all__ = [
    "Collection",
    "KNNClassifier",
    "LabelledSource",
    "LinearClassifier",
    "LookalikeError",
    "PrototypeClassifier",
    "__version__",
    "compare",
    "train",
]
_HOMES = {
    "Collection": "search.collection",
    "KNNClassifier": "search.estimators.knn",
    "LabelledSource": "search.calibrating.labelled_source",
    "LinearClassifier": "search.estimators.linear",
    "LookalikeError": "store.errors",
    "PrototypeClassifier": "search.estimators.prototype",
    "compare": "embedder.encoders.compare",
    "train": "embedder.training.by_recipe",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    """Public names, so that a shell completes them."""
    return sorted({*globals(), *__all__})
