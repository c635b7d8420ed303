"""What a trained model is worth: how well it retrieves, and every way to decide by its vectors.

vectors, names: unit rows (n, d) float32 and labels (n,) str of the images to "learn", to "ask" and, maybe, "unknown".
"""

from pathlib import Path

import numpy as np

WAYS = ("knn", "knn, weighted", "prototype", "3 prototypes", "linear")


def retrieved(vectors: dict, names: dict) -> dict:
    """MAP@R of the asking images against those learned from; AUC and TPR at 1e-3 of all pairs of asking images."""
    from lookalike.measures.pairs import pair_curve
    from lookalike.measures.retrieval import retrieval

    codes = {part: np.searchsorted(np.unique(names["learn"]), names[part]) for part in ("learn", "ask")}
    curve = pair_curve(vectors["ask"], codes["ask"])
    found = retrieval(vectors["ask"], codes["ask"], vectors["learn"], codes["learn"])
    return {"map_at_r": found.map_at_r(), "auc": curve.auc, "tpr_at_1e-3": curve.tprs[0]}


def decided(vectors: dict, names: dict) -> dict:
    """Accuracy of each way, and where there are unknown images the AUROC of the distances it decides by."""
    from lookalike.measures.open_set import auroc
    from lookalike.search.estimators.knn import KNNClassifier
    from lookalike.search.estimators.linear import LinearClassifier
    from lookalike.search.estimators.prototype import PrototypeClassifier

    makers = dict(
        zip(
            WAYS,
            (
                KNNClassifier(10),
                KNNClassifier(10, weights="distance"),
                PrototypeClassifier(),
                PrototypeClassifier(per_class=3),
                LinearClassifier(),
            ),
            strict=True,
        )
    )
    numbers = {}
    for way, model in makers.items():
        model.fit(vectors["learn"], names["learn"])
        made = model.decide(vectors["ask"])
        numbers[way] = float(np.mean(model.classes_[made.nearest] == names["ask"]))
        if "unknown" in vectors:
            numbers[f"auroc_{way}"] = auroc(made.distance, model.decide(vectors["unknown"]).distance)
    return numbers


def odds(model: Path, encoder, vectors: dict) -> float:
    """AUROC of known against unknown by the largest probability of the trained softmax."""
    import torch

    from lookalike.embedder.training.objective import trained_loss
    from lookalike.measures.open_set import auroc

    softmax = trained_loss(model)
    with torch.no_grad():  # in float64, since the odds of most known images are 1 but for some 1e-8
        logits = {part: softmax.logits(torch.from_numpy(vectors[part])).double() for part in ("ask", "unknown")}
        doubt = {part: -torch.log_softmax(of, 1).amax(1).numpy() for part, of in logits.items()}
    return auroc(doubt["ask"], doubt["unknown"])
