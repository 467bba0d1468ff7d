"""Extreme eigenvalues of many large matrices at once, each known by its products with a vector alone.

Arnoldi's method, restarted with the Ritz vector that is wanted (Saad, Numerical Methods for Large Eigenvalue Problems,
2nd ed., alg. 6.2 and sec. 6.4). All matrices take their steps together, so that one product serves the whole batch.
Where the Krylov space of a matrix is used up, its Ritz values are eigenvalues, and the space goes on with zeros.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Product = Callable[[Array], Array]

_USED_UP = 1e-10  # length, beside that of the product, of what a step adds to a used-up space
_TIE = 1e-6


@dataclass(frozen=True, eq=False)
class Extreme:
    """One eigenvalue of each matrix.

    Attributes:
        values: complex, (matrices,); of those as extreme, the one with the largest imaginary part.
        residual: |A x - value x| / |A| for the unit Ritz vector x, |A| as the Krylov space sees it, (matrices,).
        products: that each matrix was multiplied with a vector.
    """

    values: NDArray[np.complex128]
    residual: NDArray[np.float64]
    products: int


def rightmost(
    product: Product, start: Array, *, tolerance: float = 1e-8, steps: int = 64, restarts: int = 20
) -> Extreme:
    """The eigenvalue of largest real part among those that the start vectors have a part in.

    Args:
        product: A x of every matrix with its own vector, real, (matrices, n) -> (matrices, n).
        start: a vector for each matrix, (matrices, n); for a vector of zeros the answer is 0.
        tolerance: largest residual.
        steps: dimension of a Krylov space, at most n.
        restarts: of all matrices, while any has a residual above the tolerance.

    Raises:
        ValueError: a tolerance or number that makes no sense.
    """
    return _extreme(product, start, np.real, tolerance, steps, restarts)


def outermost(
    product: Product, start: Array, *, tolerance: float = 1e-8, steps: int = 64, restarts: int = 20
) -> Extreme:
    """The eigenvalue of largest magnitude, the spectral radius; otherwise as `rightmost`."""
    return _extreme(product, start, np.abs, tolerance, steps, restarts)


def _extreme(
    product: Product,
    start: Array,
    measure: Callable[[NDArray[np.complex128]], NDArray[np.float64]],
    tolerance: float,
    steps: int,
    restarts: int,
) -> Extreme:
    """The eigenvalue of which a measure is largest."""
    check_krylov(tolerance, steps, restarts)
    products = 0
    for _ in range(restarts + 1):
        basis, hessenberg = _krylov(product, start, min(steps, start.shape[1]))
        size = hessenberg.shape[2]
        products += size
        values, vectors = np.linalg.eig(hessenberg[:, :size])
        place = _furthest(values, measure(values))
        value = np.take_along_axis(values, place[:, None], axis=1)[:, 0]
        ritz = np.take_along_axis(vectors, place[:, None, None], axis=2)[:, :, 0]
        norm = np.maximum(np.linalg.norm(hessenberg, axis=(1, 2)), np.finfo(float).tiny)
        residual = hessenberg[:, size, size - 1] * np.abs(ritz[:, -1]) / norm
        if (residual <= tolerance).all():
            break
        start = (ritz.real[:, None, :] @ basis[:, :size])[:, 0]
    return Extreme(value, residual, products)


def _krylov(product: Product, start: Array, steps: int) -> tuple[Array, Array]:
    """Orthonormal bases (matrices, m + 1, n) of the Krylov spaces, and H (matrices, m + 1, m) with A V_m = V_{m+1} H.

    m is `steps`, or less where every space is used up.
    """
    matrices, n = start.shape
    basis = np.zeros((matrices, steps + 1, n))
    hessenberg = np.zeros((matrices, steps + 1, steps))
    basis[:, 0] = first_vector(start)
    for k in range(steps):
        if not extend(basis, hessenberg, k, product(basis[:, k])).any():
            return basis[:, : k + 2], hessenberg[:, : k + 2, : k + 1]
    return basis, hessenberg


def check_krylov(tolerance: float, steps: int, restarts: int) -> None:
    """Passes what a Krylov method can be asked for.

    Raises:
        ValueError: a tolerance or number that makes no sense.
    """
    if not tolerance > 0:
        raise ValueError(f"tolerance = {tolerance!r}: must be greater than 0")
    if steps < 1 or restarts < 0:
        raise ValueError(f"steps = {steps!r}, restarts = {restarts!r}: must be at least 1 and 0")


def first_vector(start: Array) -> Array:
    """Vectors (matrices, n) at length 1; one of zeros stays as it is."""
    return _unit(start, np.linalg.norm(start, axis=1))


def extend(basis: Array, hessenberg: Array, k: int, following: Array) -> Array:
    """Step k of Arnoldi's method: writes the next vector of each basis and column k of each H.

    Args:
        basis: orthonormal vectors 0 to k of each space, (matrices, steps + 1, n); receives vector k + 1, which is zero
            where the space is used up.
        hessenberg: (matrices, steps + 1, steps); entries of column k are zero.
        k: number of the step, from 0.
        following: A times vector k, (matrices, n).

    Returns:
        Length of what the step adds to each space, (matrices,); 0 where it is used up.
    """
    size = np.linalg.norm(following, axis=1)
    known = basis[:, : k + 1]
    for _ in range(2):  # twice is enough (Giraud et al. 2005)
        part = (known @ following[:, :, None])[:, :, 0]
        following = following - (part[:, None, :] @ known)[:, 0]
        hessenberg[:, : k + 1, k] += part
    added = np.linalg.norm(following, axis=1)
    added[added <= _USED_UP * size] = 0
    hessenberg[:, k + 1, k] = added
    basis[:, k + 1] = _unit(following, added)
    return added


def _unit(vectors: Array, norms: Array) -> Array:
    return np.where(norms > 0, 1, 0)[:, None] * vectors / np.where(norms > 0, norms, 1)[:, None]


def _furthest(values: NDArray[np.complex128], measured: NDArray[np.float64]) -> NDArray[np.int64]:
    """Places of the values with the largest measure, of ties the largest imaginary part, (matrices,)."""
    near = measured.max(axis=1) - _TIE * np.abs(values).max(axis=1)
    return np.where(measured >= near[:, None], values.imag, -np.inf).argmax(axis=1)
