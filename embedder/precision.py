"""fp32 or bf16: measured once for an encoder, on images like those it will see, and recorded.

Mixtures were tried for the pretrained EfficientNet-Lite0: 32 crops of scikit-learn's two photos, normalisation folded
in fp32, channels-last, one thread of an EPYC with AVX-512 BF16 that had other work too, so that speeds are rough.

    in bf16, the rest in fp32                                 mean cosine   worst    speed to fp32
    everything                                                0.99823       0.9765   2.1 to 3.3
    everything, each filter's rounding errors cancelling out  0.99967       0.9993   2.6
    all but the stem and the first block                      0.99961       0.9991   2.6
    all but the stem and the first five blocks                0.99985       0.9997   1.2
    the 1x1 convolutions                                      0.99970       0.9992   1.5
    the widening 1x1, the head, the blocks with a shortcut    0.99993       0.9999   1.3
    the widening 1x1 convolutions                             0.99995       0.9999   1.2

Only the last two keep the limits below, and gain too little for a second way through the network. Adding shortcuts in
fp32 changes nothing. The first block's depthwise weights make most of the error of "everything"; what is left without
them is the activations' own rounding, spread over all blocks.
"""

import time

import numpy as np

from .encoder import Encoder
from .hardware import has_bf16

MEAN, WORST = 0.9999, 0.999
"""Cosine to the fp32 vectors that bf16 must keep, in the mean and at worst."""
FASTER = 0.95
"""bf16 must take at most this share of fp32's time: a tie is not worth any change of a vector."""


def choose(encoder: Encoder, sample: np.ndarray) -> str:
    """Give "bf16" where the hardware has it, it is faster, and no vector of `sample` changes much; else "fp32".

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
    """Give the mean and the smallest cosine between the rows of two arrays (n, d) of unit rows."""
    cosines = np.einsum("nd,nd->n", exact, other, dtype=np.float64)
    return float(cosines.mean()), float(cosines.min())


def _seconds(encoder: Encoder, sample: np.ndarray, times: int = 3) -> float:
    """The best of some runs, which other work on the machine disturbs least."""
    best = float("inf")
    for _ in range(times):
        start = time.perf_counter()
        encoder.encode(sample)
        best = min(best, time.perf_counter() - start)
    return best
