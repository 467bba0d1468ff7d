"""Weights that training begins with."""

from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]


def glorot_limit(fan_in: int, fan_out: int) -> float:
    """The largest of Glorot-uniform weights."""
    return sqrt(6 / (fan_in + fan_out))


def glorot_uniform(
    rng: np.random.Generator, shape: tuple[int, ...], fans: tuple[int, int], gain: float, dtype: Any
) -> Array:
    """Uniform weights in +-gain sqrt(6 / (fan in + fan out)) (Glorot & Bengio 2010).

    Args:
        rng: that draws them.
        shape: of the weights.
        fans: synapses into a neuron, and out of one.
        gain: factor.
        dtype: of the weights.
    """
    limit = gain * glorot_limit(*fans)
    return rng.uniform(-limit, limit, size=shape).astype(dtype)
