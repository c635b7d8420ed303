import numpy as np
import pytest

from lookalike.measures.open_set import auroc


@pytest.mark.parametrize("seed", range(10))
def test_equals_scikit_learn_with_ties_and_nothing_found(seed):
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(seed)
    known = rng.normal(0.5, 0.2, 50).round(seed % 3).astype(np.float32)
    unknown = rng.normal(0.8, 0.2, 30).round(seed % 3).astype(np.float32)
    expected = roc_auc_score([0] * 50 + [1] * 31, np.concatenate([known, unknown, [1e9]]))
    assert auroc(known, np.append(unknown, np.float32(np.inf))) == pytest.approx(expected, abs=1e-12)


def test_known_values():
    assert auroc(np.array([0.1, 0.2]), np.array([0.3])) == 1.0
    assert auroc(np.array([0.3]), np.array([0.1, 0.2])) == 0.0
    assert auroc(np.array([0.3]), np.array([0.3])) == 0.5
    assert auroc(np.array([0.3]), np.array([])) is None
    assert auroc(np.array([]), np.array([0.3])) is None


def test_refuses_nan():
    with pytest.raises(ValueError, match="value 1 is NaN"):
        auroc(np.array([0.1, np.nan]), np.array([0.3]))
