"""fp32 or bf16: measured once for an encoder, on images like those that it will encode, and recorded.

For the pretrained EfficientNet-Lite0, bf16 violates the limits below (benchmarks/embedding_throughput.py prints by how
much), mainly because of the depthwise weights of the first block, so it stays in fp32.
"""

import time

import numpy as np

from .encoder import Encoder
from .hardware import has_bf16

MEAN, WORST = 0.9999, 0.999
"""The mean and the smallest cosine between bf16 and fp32 vectors that bf16 must reach."""
FASTER = 0.95
"""bf16 must take at most this share of the time of fp32: equal speed is not worth changing a vector."""


def choose(encoder: Encoder, sample: np.ndarray) -> str:
    """ "bf16" if the hardware has it, it is faster, and no vector of `sample` changes much; otherwise "fp32".

    sample: uint8 (b, size, size, channels), real images; a few hundred are enough.
    """
    if not has_bf16(encoder.device) or len(sample) == 0:
        return "fp32"
    exact, quick = encoder.with_precision("fp32"), encoder.with_precision("bf16")
    mean, worst = closeness(exact.encode(sample), quick.encode(sample))
    if mean < MEAN or worst < WORST:
        return "fp32"
    return "bf16" if _seconds(quick, sample) <= FASTER * _seconds(exact, sample) else "fp32"


def closeness(exact: np.ndarray, other: np.ndarray) -> tuple[float, float]:
    """The mean and the smallest cosine between the rows of two arrays (n, d) of unit rows."""
    cosines = np.einsum("nd,nd->n", exact, other, dtype=np.float64)
    return float(cosines.mean()), float(cosines.min())


def _seconds(encoder: Encoder, sample: np.ndarray, times: int = 3) -> float:
    """The time of the fastest of some runs, which other work on the machine affects least."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        encoder.encode(sample)
        best = min(best, time.perf_counter() - start)
    return best
