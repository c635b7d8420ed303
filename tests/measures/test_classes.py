import numpy as np
import pytest

from lookalike.measures.pairs import sorted_by_class


def test_classes_lie_side_by_side_and_rows_without_one_are_gone():
    vectors = np.arange(6, dtype=np.float32)[:, None]
    rows, codes = sorted_by_class(vectors, np.array([7, -1, 2, 7, 2, 0]))
    assert codes.tolist() == [0, 2, 2, 7, 7]
    assert rows[:, 0].tolist() == [5, 2, 4, 0, 3]


@pytest.mark.parametrize(
    ("vectors", "codes", "said"),
    [
        (np.ones((3, 2)), np.zeros(2, int), "give"),
        (np.ones(3), np.zeros(3, int), "give"),
        (np.ones((2, 2)), np.array(["a", "b"]), "integer codes"),
        (np.array([[1, 0], [np.nan, 0]]), np.zeros(2, int), "row 1 of vectors"),
    ],
)
def test_refuses_what_has_no_distances(vectors, codes, said):
    with pytest.raises(ValueError, match=said):
        sorted_by_class(vectors, codes)
