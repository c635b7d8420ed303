"""lookalike finds pictures that look alike, and says what they are, or that it does not know.

    import lookalike
    shop = lookalike.Collection.open("shop")
    hits = shop.search("query.jpg", k=10)

Only light modules are imported here; torch, faiss and scikit-learn load where they are first used.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .search.collection import Collection
    from .store.errors import LookalikeError

__version__ = "0.1.0"
__all__ = ["Collection", "LookalikeError", "__version__"]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first asked for."""
    if name == "Collection":
        from .search.collection import Collection

        return Collection
    if name == "LookalikeError":
        from .store.errors import LookalikeError

        return LookalikeError
    raise AttributeError(f"module 'lookalike' has no attribute {name!r}")
