"""Many linear systems A x = b at once, each known by its products with a vector alone.

The generalised minimal residual method (Saad & Schultz 1986), restarted, with Givens rotations for the residual. It
needs neither symmetry nor a contraction. All systems take their steps together; at a restart those that are solved
leave.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.solvers.arnoldi import check_krylov, extend, first_vector
from ctsigprop.solvers.result import Status

_SINGULAR = 1e-12  # length of a column of the triangle, beside that of the product, that holds nothing but rounding

Array = NDArray[Any]
Product = Callable[[Array, NDArray[np.int64]], Array]


@dataclass(frozen=True, eq=False)
class LinearSolution:
    """Outcome for many systems.

    Attributes:
        x: solutions, (systems, n), float64.
        products: that each system took, (systems,).
        residual: |b - A x| / |b| of each system, (systems,); 0 where b is.
        status: SUCCESS, NOT_CONVERGED or NOT_FINITE.
    """

    x: Array
    products: NDArray[np.int64]
    residual: NDArray[np.float64]
    status: Status


def gmres(
    product: Product, right: Array, *, tolerance: float = 1e-10, steps: int = 30, restarts: int = 30
) -> LinearSolution:
    """Solves every system from x = 0.

    Args:
        product: called with a vector for each system still on the way, (k, n), and their indices (k,); returns A of
            each times its vector, (k, n).
        right: b of each system, (systems, n).
        tolerance: largest residual of a solved system.
        steps: dimension of a Krylov space, at most n.
        restarts: of the systems that are not solved.

    Raises:
        ValueError: a tolerance or number that makes no sense.
    """
    check_krylov(tolerance, steps, restarts)
    systems, n = right.shape
    size = np.linalg.norm(right.astype(np.float64), axis=1)
    x, products = np.zeros((systems, n)), np.zeros(systems, np.int64)
    residual = (size > 0).astype(np.float64)
    for cycle in range(restarts + 1):
        rows = np.flatnonzero(residual > tolerance)
        if len(rows) == 0 or not np.isfinite(size).all():
            break
        remainder = right[rows].astype(np.float64)
        if cycle:
            remainder -= product(x[rows], rows)
        correction, left, spent = _cycle(product, remainder, rows, tolerance * size[rows], min(steps, n))
        x[rows] += correction
        residual[rows] = left / size[rows]
        products[rows] += spent + (cycle > 0)
    finite = np.isfinite(residual).all() and np.isfinite(size).all()
    solved = Status.SUCCESS if (residual <= tolerance).all() else Status.NOT_CONVERGED
    return LinearSolution(x, products, residual, solved if finite else Status.NOT_FINITE)


def _cycle(
    product: Product, remainder: Array, rows: NDArray[np.int64], enough: Array, steps: int
) -> tuple[Array, Array, int]:
    """Corrections that minimise |remainder - A x| over one Krylov space, what is left of it, and the products."""
    systems, n = remainder.shape
    basis = np.zeros((systems, steps + 1, n))
    triangle = np.zeros((systems, steps + 1, steps))
    # Where a step is of no use, the rotation that stays keeps what is left of the remainder and gives y = 0.
    cosines, sines = np.zeros((steps, systems)), np.ones((steps, systems))
    rotated = np.zeros((systems, steps + 1))  # the remainder in the basis, rotated: its last entry is what is left
    rotated[:, 0] = np.linalg.norm(remainder, axis=1)
    basis[:, 0] = first_vector(remainder)
    for k in range(steps):
        extend(basis, triangle, k, product(basis[:, k], rows))
        column = triangle[:, :, k]
        size = np.linalg.norm(column, axis=1)
        for j in range(k):
            _rotate(column, j, cosines[j], sines[j])
        length = np.hypot(column[:, k], column[:, k + 1])
        useful = length > _SINGULAR * size
        np.divide(column[:, k], length, out=cosines[k], where=useful)
        np.divide(column[:, k + 1], length, out=sines[k], where=useful)
        _rotate(column, k, cosines[k], sines[k])
        _rotate(rotated, k, cosines[k], sines[k])
        column[~useful, k] = 1
        if (np.abs(rotated[:, k + 1]) <= enough).all():
            break
    used = k + 1
    y = np.linalg.solve(triangle[:, :used, :used], rotated[:, :used, None])
    return (y[:, None, :, 0] @ basis[:, :used])[:, 0], np.abs(rotated[:, used]), used


def _rotate(columns: Array, j: int, cosine: Array, sine: Array) -> None:
    """Turns entries j and j + 1 of every column, in place."""
    upper, lower = columns[:, j].copy(), columns[:, j + 1].copy()
    columns[:, j] = cosine * upper + sine * lower
    columns[:, j + 1] = cosine * lower - sine * upper
