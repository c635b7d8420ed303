"""The choice of precision, with time and hardware made up."""

import numpy as np
import pytest

from lookalike.embedder.encoders import precision


class Fake:
    """An encoder whose bf16 vectors are turned by `angle` from its fp32 ones."""

    device = "made up"

    def __init__(self, angle=0.0, name="fp32"):
        self.angle, self.name = angle, name

    def with_precision(self, name):
        return Fake(self.angle, name)

    def encode(self, images):
        angle = np.linspace(0, self.angle, len(images)) if self.name == "bf16" else np.zeros(len(images))
        return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("hardware", "angle", "fp32", "bf16", "expected"),
    [
        (True, 0.0, 1.0, 0.5, "bf16"),
        (False, 0.0, 1.0, 0.5, "fp32"),
        (True, 0.0, 1.0, 0.99, "fp32"),
        (True, 0.05, 1.0, 0.5, "fp32"),
        (True, 0.02, 1.0, 0.5, "bf16"),
        (True, 0.035, 1.0, 0.5, "fp32"),  # 0.9994 at worst, but 0.9998 in the mean
    ],
)
def test_bf16_is_taken_only_where_present_faster_and_close(monkeypatch, hardware, angle, fp32, bf16, expected):
    monkeypatch.setattr(precision, "has_bf16", lambda device: hardware)
    monkeypatch.setattr(precision, "_seconds", lambda encoder, sample: {"fp32": fp32, "bf16": bf16}[encoder.name])
    assert precision.choose(Fake(angle), np.zeros((64, 1))) == expected


def test_one_vector_that_moves_is_enough_to_refuse(monkeypatch):
    monkeypatch.setattr(precision, "has_bf16", lambda device: True)
    monkeypatch.setattr(precision, "_seconds", lambda encoder, sample: {"fp32": 1.0, "bf16": 0.1}[encoder.name])

    class Outlier(Fake):
        def with_precision(self, name):
            return Outlier(name=name)

        def encode(self, images):
            rows = np.tile(np.float32([1, 0]), (len(images), 1))
            if self.name == "bf16":
                rows[3] = [np.cos(0.05), np.sin(0.05)]
            return rows

    exact, quick = Outlier().encode(np.zeros((1000, 1))), Outlier(name="bf16").encode(np.zeros((1000, 1)))
    mean, worst = precision.closeness(exact, quick)
    assert mean > precision.MEAN and worst == pytest.approx(np.cos(0.05), abs=1e-6)
    assert precision.choose(Outlier(), np.zeros((1000, 1))) == "fp32"
    assert precision.choose(Fake(), np.zeros((0, 1))) == "fp32"
