"""A labelled source measured against the collection: retrieval, classification, verification, unknowns.

A query never matches itself: stored rows with the query's own content (SHA-256) are left out of its neighbours, of
its class's R and of its prototype. Measures that are undefined are None.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from ..measures.open_set import auroc
from ..measures.pairs import pair_curve
from ..measures.retrieval import retrieval
from ..store.errors import LookalikeError
from ..store.progress import Progress
from .calibration import threshold_of
from .classify import decisions
from .decisions import Decisions
from .rank import Way, rank

if TYPE_CHECKING:
    from ..store.store import Store
    from .collection import Collection


def evaluate(
    collection: "Collection", source: str, *, by: str, k: int, weights: str, progress: Progress
) -> dict[str, Any]:
    """The fields of `evaluate --json`; LookalikeError for a source without labels or a collection without classes.

    recall_at_1, map_at_r and accuracy are means over queries whose class the collection has, the threshold ignored;
    auc and tpr_at_fpr_1e-3 take all pairs of the source's images; interclass_distance is the mean distance between
    prototypes; `unknown` measures, at the calibrated threshold, the queries whose class the collection has not:
    false_accepts is the share of them given a label, false_rejects the share of the known answered unknown.
    """
    way = Way(by, k, weights)
    encoded = collection.images.encode_source(source, progress)
    labels = np.array([label or "" for label in encoded.labels], dtype=object)
    if not (labels != "").any():
        raise LookalikeError(
            f"{source} has no labels, so nothing can be measured: give class folders or a label column"
        )
    store = collection.store
    own = rows_of_contents(store, encoded.contents)
    made = decisions(rank(collection, encoded.vectors, own, way), threshold_of(store, way), by)
    known = np.isin(labels, store.classes)
    recall, precision = _retrieval(store, encoded.vectors, labels, known, own)
    curve = _pairs(encoded.vectors, labels)
    return {
        "queries": len(labels),
        "rejected_images": encoded.rejected,
        "recall_at_1": _mean(recall),
        "map_at_r": _mean(precision),
        "accuracy": _mean((np.array(made.nearest, dtype=object) == labels)[known].astype(float)),
        "auc": curve[0],
        "tpr_at_fpr_1e-3": curve[1],
        "interclass_distance": interclass_distance(collection.prototypes.matrix),
        "unknown": _unknown(made, known, labels != ""),
    }


def rows_of_contents(store: "Store", contents: list[str | None]) -> list[np.ndarray]:
    """For each content (SHA-256 hex, or None) all live rows that hold it, int64."""
    none = np.empty(0, np.int64)
    asked = [content for content in contents if content is not None]
    if not asked or not (store.find_contents(asked) >= 0).any():
        return [none] * len(contents)
    # Several rows may share a content (duplicates under other keys), so one pass over the column collects them all.
    table = store.table(["content_sha256"])
    wanted = set(asked)
    places: dict[str, list[int]] = {}
    for row, content in zip(table["row"].to_pylist(), table["content_sha256"].to_pylist(), strict=True):
        if content in wanted:
            places.setdefault(content, []).append(row)
    return [np.array(places.get(content or "", []), np.int64) for content in contents]


def _retrieval(
    store: "Store", vectors: np.ndarray, labels: np.ndarray, known: np.ndarray, own: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    rows = store.live_rows()
    codes = store.codes(rows)
    code_of = {name: code for code, name in enumerate(store.classes)}
    asked = np.flatnonzero(known)
    positions = [np.searchsorted(rows, own[i]) for i in asked]
    query_codes = np.array([code_of[label] for label in labels[asked]], np.int64)
    return retrieval(vectors[asked], query_codes, store.gather(rows), codes, positions)


def _pairs(vectors: np.ndarray, labels: np.ndarray) -> tuple[float | None, float | None]:
    labelled = labels != ""
    codes = np.unique(labels[labelled].astype(str), return_inverse=True)[1]
    curve = pair_curve(vectors[labelled], codes, fpr=1e-3)
    return curve.auc, curve.tpr


def interclass_distance(prototypes: np.ndarray) -> float | None:
    """Mean distance between the unit rows of prototypes (c, d), over all pairs of classes; None with fewer than two."""
    if len(prototypes) < 2:
        return None
    pairs = np.triu_indices(len(prototypes), 1)
    scores = (prototypes.astype(np.float64) @ prototypes.T.astype(np.float64))[pairs]
    return float(np.sqrt(np.maximum(0.0, 2.0 - 2.0 * scores)).mean())


def _unknown(made: Decisions, known: np.ndarray, labelled: np.ndarray) -> dict[str, Any] | None:
    unknown = labelled & ~known
    if not unknown.any():
        return None
    accepted = np.array([label is not None for label in made.labels])
    calibrated = not np.isnan(made.thresholds).all()
    return {
        "queries": int(unknown.sum()),
        "auroc": auroc(made.distances[known], made.distances[unknown]),
        "false_accepts": float(accepted[unknown].mean()) if calibrated else None,
        "false_rejects": float((~accepted[known]).mean()) if calibrated and known.any() else None,
    }


def _mean(values: np.ndarray) -> float | None:
    defined = values[~np.isnan(values)]
    return float(defined.mean()) if len(defined) else None
