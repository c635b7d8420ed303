"""The import of FAISS: users without it learn which extra to install, and its error messages become one line.

FAISS builds exclude each other, so it is not a plain dependency; every module of this room imports it from here.
"""

import importlib
import os
import re
from typing import Any

from ...store.errors import Damaged, LookalikeError

try:
    faiss: Any = importlib.import_module("faiss")  # its type stubs are incomplete
except ImportError as error:
    if getattr(error, "name", None) == "faiss":
        why = "FAISS is not installed"
    else:
        why = f"FAISS does not load ({' '.join(str(error).split())[:200]})"
    raise LookalikeError(
        f"{why}: pip install 'lookalike[cpu]', or 'lookalike[gpu]' for CUDA 12, or 'lookalike[cuvs]' for CUDA 13"
    ) from error

# A forked child has none of the threads that OpenMP would wait for.
os.register_at_fork(after_in_child=lambda: faiss.omp_set_num_threads(1))

__all__ = ["INNER_PRODUCT", "faiss", "short", "unsearchable"]

INNER_PRODUCT = faiss.METRIC_INNER_PRODUCT

_PLACE = re.compile(r"^Error in .*? at \S+?:\d+: ", re.DOTALL)
_CONDITION = re.compile(r"^Error: '.*?' failed:?\s*", re.DOTALL)


def short(error: BaseException) -> str:
    """The message of a FAISS exception in one line, without the C++ signature and source line in front."""
    text = _PLACE.sub("", str(error))
    said = _CONDITION.sub("", text) or text
    return " ".join(said.split())[:200]


def unsearchable(what: object, error: RuntimeError) -> Damaged:
    """The error for a search that FAISS aborts in the index of `what`."""
    return Damaged(
        f"the index of {what} cannot be searched ({short(error)}): run `lookalike index --compact` to build it again, "
        "or search with --exact"
    )
