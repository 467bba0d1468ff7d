"""Fixed points u = G(u) of many independent samples, by Anderson acceleration or by plain iteration.

Anderson (1965), Iterative procedures for nonlinear integral equations; in the form of Walker & Ni (2011), type II:
with f_k = g_k - u_k, the coefficients gamma minimise |f_k - sum_j gamma_j (f_{j+1} - f_j)| and
u_{k+1} = g_k - sum_j gamma_j (g_{j+1} - g_j). Each sample has coefficients of its own and leaves the
iteration when it has converged; where its residual has grown, it forgets its past and takes
plain steps: one after the first such failure, and ever more after each further one.
Depth 0 is the plain iteration u_{k+1} = g_k.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.core.compilation import compiled
from ctsigprop.solvers.result import Status

Array = NDArray[Any]
Sweep = Callable[[Array, Array], tuple[Array, Array]]

MOST_SWEEPS = 2**63 - 1
_SINGULAR = 1e-10


@dataclass(frozen=True, eq=False)
class FixedPoint:
    """Outcome of an iteration over many samples.

    Attributes:
        u: last G(u) of each sample, shape (samples, n).
        sweeps: sweeps that each sample took, shape (samples,).
        residual: residual of each sample's last sweep, shape (samples,).
        status: SUCCESS, NOT_CONVERGED (a sample reached the cap) or NOT_FINITE.
    """

    u: Array
    sweeps: Array
    residual: Array
    status: Status


def fixed_point(
    sweep: Sweep,
    u: Array,
    *,
    tolerance: float | Array,
    max_sweeps: int,
    depth: int = 5,
    bounds: tuple[float | Array, float | Array] = (-inf, inf),
) -> FixedPoint:
    """Iterates every sample to its own fixed point.

    Args:
        sweep: called with the iterates of the samples still on the way, shape (k, n), and their indices (k,);
            returns G of the iterates, shape (k, n), and their residuals (k,), measured as the caller sees fit.
        u: where to start, shape (samples, n).
        tolerance: a sample whose residual is no larger has converged; one for all, or one for each, (samples,).
        max_sweeps: cap on the sweeps of a sample.
        depth: past sweeps that an acceleration combines; 0 for plain iteration.
        bounds: lowest and highest value that an accelerated iterate may take, each one number or (n,).

    Raises:
        ValueError: a tolerance, cap or depth that makes no sense.
    """
    if not np.all(np.asarray(tolerance) > 0):
        raise ValueError(f"tolerance = {tolerance!r}: must be greater than 0")
    if not 1 <= max_sweeps <= MOST_SWEEPS:
        raise ValueError(f"max_sweeps = {max_sweeps!r}: must be from 1 to {MOST_SWEEPS}")
    if depth < 0:
        raise ValueError(f"depth = {depth!r}: must be at least 0")
    samples, n = u.shape
    low, high = (np.ascontiguousarray(np.broadcast_to(bound, n), u.dtype) for bound in bounds)
    past = np.empty((2, samples, depth + 1, n), u.dtype)
    begin = np.zeros(samples, np.int64)
    patience = np.zeros(samples, np.int64)
    reached = np.empty_like(u)
    sweeps = np.full(samples, max_sweeps)
    residual = np.empty(samples, u.dtype)
    rows, finest = np.arange(samples), np.broadcast_to(tolerance, samples)
    status = Status.SUCCESS if samples == 0 else Status.NOT_CONVERGED
    for k in range(max_sweeps if samples else 0):
        g, misses = sweep(u, rows)
        if k:
            failed = rows[(misses > residual[rows]) & (begin[rows] < k)]
            begin[failed] = k + patience[failed]
            patience[failed] = 2 * patience[failed] + 1
        reached[rows], residual[rows] = g, misses
        converged = misses <= finest[rows]
        sweeps[rows[converged]] = k + 1
        moving = ~converged
        if not moving.any():
            status = Status.SUCCESS
            break
        if not np.isfinite(misses).all():
            status = Status.NOT_FINITE
            sweeps[rows[moving]] = k + 1
            break
        rows, u, g = rows[moving], u[moving], g[moving]
        u = _accelerate(k, begin, rows, u, g, past, low, high) if depth else g
    return FixedPoint(reached, sweeps, residual, status)


@compiled(fastmath={"reassoc", "contract"})
def _accelerate(k: int, begin: Array, rows: Array, u: Array, g: Array, past: Array, low: Array, high: Array) -> Array:
    """Stores sweep k in `past` ([g, f], samples, ring of depth + 1, n) and returns the next iterates.

    A sample combines its sweeps from `begin` (samples,) on; up to there it takes plain steps.
    """
    count, n = u.shape
    ring = past.shape[2]
    following = np.empty_like(u)
    for i in range(count):
        m = max(0, min(k - begin[rows[i]], ring - 1))
        gram = np.empty((m, m))
        gamma = np.empty(m)
        gs, fs = past[0, rows[i]], past[1, rows[i]]
        newest = k % ring
        for c in range(n):
            gs[newest, c] = g[i, c]
            fs[newest, c] = g[i, c] - u[i, c]
        for a in range(m):
            a1, a0 = (k - a) % ring, (k - a - 1) % ring
            for b in range(a + 1):
                b1, b0 = (k - b) % ring, (k - b - 1) % ring
                total = 0.0
                for c in range(n):
                    total += (fs[a1, c] - fs[a0, c]) * (fs[b1, c] - fs[b0, c])
                gram[a, b] = gram[b, a] = total
            total = 0.0
            for c in range(n):
                total += (fs[a1, c] - fs[a0, c]) * fs[newest, c]
            gamma[a] = total
        _solve_symmetric(gram, gamma)
        for c in range(n):
            value = float(g[i, c])
            for a in range(m):
                value -= gamma[a] * (gs[(k - a) % ring, c] - gs[(k - a - 1) % ring, c])
            following[i, c] = min(max(value, low[c]), high[c])
    return following


@compiled()
def _solve_symmetric(matrix: Array, right: Array) -> None:
    """Solves a positive semidefinite system in place (LDL^T); a direction that the matrix does not see gets 0."""
    m = right.shape[0]
    floor = 0.0
    for a in range(m):
        floor = max(floor, matrix[a, a])
    floor *= _SINGULAR
    for a in range(m):
        pivot = matrix[a, a]
        for b in range(a + 1, m):
            factor = matrix[b, a] / pivot if pivot > floor else 0.0
            for c in range(a + 1, b + 1):
                matrix[b, c] -= factor * matrix[c, a]
            right[b] -= factor * right[a]
    for a in range(m - 1, -1, -1):
        if matrix[a, a] > floor:
            for b in range(a + 1, m):
                right[a] -= matrix[b, a] * right[b]
            right[a] /= matrix[a, a]
        else:
            right[a] = 0.0
