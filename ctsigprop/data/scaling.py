"""How inputs, as the user has them, become inputs of a network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite, prod
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ctsigprop.errors import InputError
from ctsigprop.settings.data import ScalingName

BLOCK = 1024
"""Samples that are scaled at a time, in float64."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Scaling:
    """Inputs less `offset`, over `scale`.

    Attributes:
        offset: one number, or one for each feature.
        scale: as many, none of them 0.
    """

    offset: tuple[float, ...] = (0.0,)
    scale: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        numbers = (*self.offset, *self.scale)
        if not self.scale or len(self.offset) != len(self.scale) or not all(map(isfinite, numbers)) or 0 in self.scale:
            raise InputError("scaling: must be as many finite offsets as scales, one or one a feature, no scale of 0")

    @classmethod
    def dividing(cls, by: float) -> Self:
        """Divide every value by one number."""
        return cls(scale=(float(by),))

    @classmethod
    def of(cls, x: NDArray[Any], name: ScalingName) -> Self:
        """The scaling of a training set.

        Args:
            x: inputs, shape (samples, ...), of a real or an integer type.
            name: `auto`: whole numbers from 0 are divided by their maximum, floats within [0, 1] stay, all else is
                mapped to [0, 1] by its minimum and maximum, one pair for all features. `standard`: each feature less
                its mean, over its standard deviation. `none`: inputs stay as they are.
        """
        if name == "none":
            return cls()
        if name == "standard":
            mean, deviation = moments(x.reshape(len(x), -1), axes=(0,))
            return cls(tuple(mean.tolist()), tuple(deviation.tolist()))
        low, high = float(x.min()), float(x.max())
        if x.dtype.kind == "f" and low >= 0 and high <= 1:
            return cls()
        if x.dtype.kind != "f" and low >= 0:
            return cls.dividing(high or 1)
        return cls((low,), (high - low or 1.0,))

    @property
    def plain(self) -> bool:
        """Whether it divides every value by one number, and no more."""
        return self.offset == (0.0,)

    def apply(self, x: NDArray[Any], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Scaled inputs, one contiguous row a sample: shape (samples, features).

        Args:
            x: inputs as the user has them, shape (samples, ...).
            dtype: float32 or float64.

        Raises:
            InputError: `dtype` is another, or the scaling is of another number of features.
        """
        kind = np.dtype(dtype)
        if kind not in (np.float32, np.float64):
            raise InputError(f"dtype: {kind} is not a type of inputs; choose float32 or float64")
        rows = x.reshape(len(x), prod(x.shape[1:]))
        if len(self.scale) not in (1, rows.shape[1]):
            raise InputError(f"scaling: is of {len(self.scale)} features, and the inputs have {rows.shape[1]}")
        scaled = np.empty(rows.shape, kind)
        offset, scale = np.array(self.offset), np.array(self.scale)
        for block in blocks(len(rows)):
            np.divide(rows[block] - offset, scale, out=scaled[block], casting="same_kind")
        return scaled

    def to_json(self) -> dict[str, list[float]]:
        """As `from_json` takes it: Python writes every float64 so that it reads the same."""
        return {"offset": list(self.offset), "scale": list(self.scale)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """The scaling that `to_json` wrote.

        Raises:
            InputError: numbers that no scaling has.
            KeyError, TypeError, ValueError: anything else than numbers.
        """
        return cls(tuple(map(float, record["offset"])), tuple(map(float, record["scale"])))


def blocks(samples: int) -> Iterator[slice]:
    """Rows a block at a time."""
    return (slice(start, start + BLOCK) for start in range(0, samples, BLOCK))


def moments(x: NDArray[Any], axes: tuple[int, ...]) -> tuple[Floats, Floats]:
    """Means and standard deviations over some axes, the first among them; 1 is the deviation of what is constant.

    Two passes in float64, a block of samples at a time.

    Args:
        x: shape (samples, ...), not empty.
        axes: over which the moments are taken.
    """
    count = prod(x.shape[axis] for axis in axes)
    mean = sum(x[block].sum(axis=axes, dtype=np.float64, keepdims=True) for block in blocks(len(x))) / count
    squares = sum(((x[block] - mean) ** 2).sum(axis=axes) for block in blocks(len(x)))
    flat = mean.squeeze(axes)
    deviation = np.sqrt(squares / count)
    deviation[deviation <= np.finfo(np.float32).eps * np.abs(flat)] = 1
    return flat, deviation
