"""A linear head on frozen embeddings: one weight row and one bias per class, and its file.

The logit of class c for a unit row x is weights[c] @ x + biases[c]; the largest decides (multinomial logistic
regression; Bishop, "Pattern Recognition and Machine Learning", 2006, section 4.3.4). Using a head needs only
NumPy; fitting one (fit.py) needs scikit-learn. The file is Parquet: class, weights (float32), bias (float32).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from ...store.errors import Damaged, one_line
from ...store.files.escaped import escaped_array, unescaped_list
from ...store.files.new_files import parquet_bytes
from ...store.version.lookups import codes_of

Float32 = NDArray[np.float32]
COLUMNS = ["class", "weights", "bias"]


@dataclass(frozen=True)
class Head:
    """classes: c names, sorted. weights: (c, d) float32. biases: (c,) float32."""

    classes: list[str]
    weights: Float32
    biases: Float32

    def logits(self, vectors: Float32, classes: list[str]) -> Float32:
        """The logits of unit rows (nq, d) for `classes`, (nq, m) float32; -inf for a class unknown to the head."""
        codes = codes_of(classes, self.classes)
        columns = np.flatnonzero(codes >= 0)
        places = codes[columns]
        logits = np.full((len(vectors), len(classes)), -np.inf, np.float32)
        logits[:, columns] = vectors @ self.weights[places].T + self.biases[places]
        return logits


def as_parquet(head: Head) -> memoryview:
    """The head as the bytes of a Parquet file."""
    weights = pa.array(np.ascontiguousarray(head.weights).reshape(-1))
    columns = [
        escaped_array(head.classes),
        pa.FixedSizeListArray.from_arrays(weights, head.weights.shape[1]),
        pa.array(head.biases),
    ]
    return parquet_bytes(pa.table(columns, names=COLUMNS), compression="zstd")


def read_head(path: Path, dim: int | None) -> Head:
    """The head that `as_parquet` wrote. Raises Damaged for another file."""
    try:
        table = pq.read_table(path, partitioning=None).combine_chunks()
        classes = unescaped_list(table.column("class"))
        biases = table.column("bias").to_numpy()
        column = table.column("weights").chunk(0)
        weights = column.flatten().to_numpy().reshape(len(column), column.type.list_size)
    except (pa.ArrowException, OSError, KeyError, ValueError, AttributeError, TypeError, IndexError) as error:
        raise Damaged(f"{path} does not hold a linear head: {one_line(error)}") from error
    fits = weights.shape == (len(classes), dim) and weights.dtype == biases.dtype == np.float32
    if not classes or not fits or not np.isfinite(weights).all() or not np.isfinite(biases).all():
        raise Damaged(f"{path} does not hold a linear head of {dim} dimensions")
    return Head([str(name) for name in classes], weights, biases)
