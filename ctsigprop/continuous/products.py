"""Products of rates with a weight matrix.

BLAS rearranges the whole matrix in memory before it multiplies, which pays where many rows meet it. Where only a few
do, or most rates are zero, the kernels here read the weights once, and only those of units that are active.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.blas import get_blas_funcs

from ctsigprop.core.compilation import compiled

Array = NDArray[np.floating]

FEW_ROWS = 8
FEW_ACTIVE = 0.25
"""Fraction of rates that are not zero, below which any number of rows is sparse."""


def add_product(rates: Array, weight: Array, base: Array) -> Array:
    """base + rates @ weight, (samples, target units).

    Args:
        rates: (samples, source units).
        weight: (source units, target units), C-contiguous or the transpose of such a matrix.
        base: (samples or 1, target units).
    """
    by_rows = weight.flags.c_contiguous
    few = len(rates) <= FEW_ROWS
    if few or (by_rows and np.count_nonzero(rates) < FEW_ACTIVE * rates.size):
        total = np.empty((len(rates), weight.shape[1]), weight.dtype)
        total[...] = base
        if by_rows:
            _add_active_rows(rates, weight, total)
        else:
            _add_dots(rates, weight.T, total)
    else:
        total = rates @ weight
        total += base
    return total


def add_outer(weight: Array, pre: Array, post: Array, factor: float, keep: float) -> None:
    """weight <- keep weight + factor pre^T post, in place and without a temporary.

    Args:
        weight: (source units, target units), C-contiguous.
        pre: (samples, source units).
        post: (samples, target units).
        factor: scales the product.
        keep: scales what was there.
    """
    if len(pre) == 0:
        weight *= weight.dtype.type(keep)
    elif len(pre) <= 2:
        scalar = weight.dtype.type
        _add_one_or_two(weight, pre, post, scalar(factor), scalar(keep))
    else:
        gemm = get_blas_funcs("gemm", dtype=weight.dtype)
        gemm(factor, post.T, pre.T, trans_b=True, beta=keep, c=weight.T, overwrite_c=True)


@compiled(fastmath={"reassoc", "contract"})
def _add_active_rows(rates: Array, weight: Array, total: Array) -> None:
    """Adds rates @ weight to `total`, four active source units at a time."""
    samples, sources = rates.shape
    targets = weight.shape[1]
    active = np.empty(sources, np.int64)
    for i in range(samples):
        row = total[i]
        count = 0
        for j in range(sources):
            if rates[i, j] != 0:
                active[count] = j
                count += 1
        whole = count - count % 4
        for k in range(0, whole, 4):
            a, b, c, d = active[k], active[k + 1], active[k + 2], active[k + 3]
            ra, rb, rc, rd = rates[i, a], rates[i, b], rates[i, c], rates[i, d]
            wa, wb, wc, wd = weight[a], weight[b], weight[c], weight[d]
            for n in range(targets):
                row[n] += ra * wa[n] + rb * wb[n] + rc * wc[n] + rd * wd[n]
        for k in range(whole, count):
            rate, weights = rates[i, active[k]], weight[active[k]]
            for n in range(targets):
                row[n] += rate * weights[n]


@compiled(fastmath={"reassoc", "contract"})
def _add_dots(rates: Array, transposed: Array, total: Array) -> None:
    """Adds rates @ transposed.T to `total`."""
    samples, sources = rates.shape
    for n in range(transposed.shape[0]):
        weights = transposed[n]
        for i in range(samples):
            dot = weights.dtype.type(0)
            for j in range(sources):
                dot += rates[i, j] * weights[j]
            total[i, n] += dot


@compiled(fastmath={"reassoc", "contract"})
def _add_one_or_two(weight: Array, pre: Array, post: Array, factor: float, keep: float) -> None:
    """`add_outer` of one sample or two, in one pass over the weights."""
    last = len(pre) - 1
    post_a, post_b = post[0], post[last]
    factor_b = factor if last else weight.dtype.type(0)
    for j in range(weight.shape[0]):
        row, a, b = weight[j], factor * pre[0, j], factor_b * pre[last, j]
        for n in range(weight.shape[1]):
            row[n] = keep * row[n] + a * post_a[n] + b * post_b[n]
