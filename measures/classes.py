"""Rows put in the order of their classes, so that a class is one slice."""

import numpy as np


def sorted_by_class(vectors: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(vectors, codes) of the rows that have a class, those of one class side by side, in rising codes.

    vectors: (n, d) float32, finite. codes: (n,) integers; rows with -1 have no class and are left out. ValueError for
    other shapes, codes that are not integers, NaN and Inf.
    """
    vectors, codes = np.asarray(vectors, dtype=np.float32), np.asarray(codes)
    if vectors.ndim != 2 or codes.shape != vectors.shape[:1]:
        raise ValueError(f"vectors {vectors.shape} and labels {codes.shape}: give (n, d) and (n,)")
    if codes.dtype.kind not in "iu" and codes.size:
        raise ValueError(f"labels have type {codes.dtype}: give integer codes, -1 for no label")
    if not np.isfinite(vectors).all():
        raise ValueError(f"row {int(np.argmin(np.isfinite(vectors).all(axis=1)))} of vectors has NaN or Inf")
    order = np.argsort(codes, kind="stable")
    order = order[codes[order] >= 0]
    return vectors[order], codes[order].astype(np.int64)
