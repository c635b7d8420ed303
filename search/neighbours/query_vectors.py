"""Query vectors: arrays, and .npy files of them, checked as stored rows are."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ...store.disk.regular import open_regular
from ...store.errors import LookalikeError, one_line
from ...store.unit import unit_rows

if TYPE_CHECKING:
    from ...store.version.store import Store


def vectors_of_file(store: "Store", path: str, normalise: bool) -> np.ndarray:
    """The vectors of a .npy file as unit rows (m, d) float32. Raises LookalikeError if they cannot be read or used."""
    try:
        with open_regular(path) as file:
            array = load_npy(file, path)
    except LookalikeError:
        raise
    except OSError as error:
        raise LookalikeError(f"{path} cannot be read as a .npy file of vectors: {one_line(error)}") from None
    return unit_vectors(store, array, path, normalise)


def load_npy(file: Any, name: str) -> np.ndarray:
    """The array of an open .npy file, of any shape; no pickle is read. Raises LookalikeError for other bytes."""
    try:
        return np.lib.format.read_array(file, allow_pickle=False)
    except Exception as error:  # NumPy may raise anything, such as MemoryError for an absurd shape
        raise LookalikeError(f"{name} cannot be read as a .npy file of vectors: {one_line(error)}") from None


def unit_vectors(store: "Store", vectors: np.ndarray, what: str, normalise: bool) -> np.ndarray:
    """Vectors (d,) or (m, d) as unit rows (m, d) float32. Raises LookalikeError if they do not fit the store."""
    matrix = vectors[None] if vectors.ndim == 1 else vectors
    return unit_rows(matrix, normalise=normalise, dim=store.dim, what=f"{what}: row")
