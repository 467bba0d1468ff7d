"""Angles in degrees, of vectors and of inner products."""

from math import acos, degrees

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.network import Array

# A cosine so near 1 differs from it by rounding alone: angles below 1e-5 degree are 0.
RESOLUTION = 64 * float(np.finfo(np.float64).eps)


def angle_between(a: Array, b: Array) -> NDArray[np.float64]:
    """Return the angles between the rows of two arrays (samples, units), in degrees; 90 where a row is zero.

    2 atan2(|u - v|, |u + v|) of unit vectors u and v keeps its precision at every angle.
    """
    u, v = _unit(a), _unit(b)
    apart, together = (np.linalg.norm(w, axis=1) for w in (u - v, u + v))
    zero = (apart == 0) & (together == 0)
    return np.where(zero, 90.0, np.degrees(2 * np.arctan2(apart, together)))


def _unit(rows: Array) -> NDArray[np.float64]:
    """Scale rows to length 1; a row of zeros stays as it is."""
    scaled = rows / np.where(rows.any(axis=1), np.abs(rows).max(axis=1, initial=0), 1)[:, None]
    norms = np.linalg.norm(scaled, axis=1)
    return scaled / np.where(norms > 0, norms, 1)[:, None]


def angle_of(inner: float, norms: float) -> float:
    """Return the angle of an inner product and the product of both norms, in degrees; 90 where a norm is 0."""
    if norms == 0:
        return 90.0
    cosine = inner / norms
    if 1 - abs(cosine) <= RESOLUTION:
        return 0.0 if cosine > 0 else 180.0
    return degrees(acos(cosine))
