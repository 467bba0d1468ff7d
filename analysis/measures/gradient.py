"""How useful an update is: sigprop's beside the exact gradient of the loss, connection by connection.

Both are sums of outer products over samples, A^T B and C^T D, whose inner product is sum((A C^T) * (B D^T)): a matrix
of 1500 x 1500 is compared by way of the samples' Gram matrices, without being formed.
"""

from collections.abc import Sequence
from math import sqrt

import numpy as np

from ctsigprop.continuous.connections import Connection, Dense, Outer
from ctsigprop.continuous.diagnostics.adjoint import Adjoint
from ctsigprop.continuous.learning.correlations import correlate
from ctsigprop.continuous.learning.optimizers import Pair
from ctsigprop.continuous.learning.phases import Contrast
from ctsigprop.continuous.learning.rules import EQ14, Rule, gradient_terms
from ctsigprop.continuous.network import Array, Network
from ctsigprop.runs.rows import Comparison
from ctsigprop.solvers.result import Status


def compare(
    network: Network,
    inputs: Array,
    states: Sequence[Array],
    contrast: Contrast,
    adjoint: Adjoint,
    rule: Rule = EQ14,
) -> dict[str, Comparison]:
    """Return what `learn` would add at rate 1 without decay beside minus the gradient of the mean loss.

    Args:
        network: whose fixed connections are compared like the others.
        inputs: of the batch, (batch, features).
        states: free equilibria of the batch, layers 1 to N, each (batch, units).
        contrast: of the batch's equilibria, for the update.
        adjoint: at `states`, for the gradient.
        rule: that makes the update.

    Returns:
        By parameter (W01, ..., b1, ...) the `cosine` of the angle between the two and the `norm_ratio`
        |update| / |gradient|. There is no cosine (None) where either is zero, and no ratio where the gradient is;
        there is neither where the gradient of some sample has not been found.
    """
    if adjoint.status is not Status.SUCCESS:
        return {name: {"cosine": None, "norm_ratio": None} for name in network.parameters()}
    correlations = correlate(network, inputs, contrast)
    rates = (inputs, *network.rates_of(states))
    downhill = tuple(-sensitivity / len(inputs) for sensitivity in adjoint.sensitivities)
    found = {
        connection.name: _compared(
            _summed(connection, rule.terms(connection, correlations)),
            _summed(connection, gradient_terms(connection, rates, downhill)),
        )
        for connection in network.connections
    }
    for layer, sensitivity in enumerate(downhill, start=1):
        update, gradient = (
            network.layers[layer].gathered(change)
            for change in (rule.biases(layer, correlations), sensitivity.sum(axis=0))
        )
        found[f"b{layer}"] = _compared(_row(update), _row(gradient))
    return found


def _summed(connection: Connection, terms: Sequence[Outer]) -> Pair:
    """Return a sum of terms as one outer product, in float64."""
    pairs = [pair for term in terms for pair in connection.outer(Outer(*term))]
    if not isinstance(connection, Dense):
        return _row(np.sum([a.T.astype(np.float64) @ b for a, b in pairs], axis=0))
    pre, post = (np.concatenate(arrays).astype(np.float64) for arrays in zip(*pairs, strict=True))
    return pre, post


def _row(values: Array) -> Pair:
    """Return an array as the outer product of one number and all of its own."""
    return np.ones((1, 1)), values.reshape(1, -1)


def _compared(update: Pair, gradient: Pair) -> Comparison:
    inner, of_update, of_gradient = _inner(update, gradient), _norm(update), _norm(gradient)
    both = of_update * of_gradient
    return {
        "cosine": min(max(inner / both, -1.0), 1.0) if both > 0 else None,
        "norm_ratio": of_update / of_gradient if of_gradient > 0 else None,
    }


def _norm(matrix: Pair) -> float:
    return sqrt(max(_inner(matrix, matrix), 0.0))


def _inner(one: Pair, other: Pair) -> float:
    """Sum of the products of two matrices' entries; the matrices are formed only where they are the smaller."""
    (a, b), (c, d) = one, other
    if len(a) * len(c) < a.shape[1] * b.shape[1]:
        return float(((a @ c.T) * (b @ d.T)).sum())
    return float(((a.T @ b) * (c.T @ d)).sum())
