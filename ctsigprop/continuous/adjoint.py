"""The exact gradient of the loss at the free equilibrium, by implicit differentiation.

At balance a rate is a function of its net input alone, rho_j = B(net_j), with net_j = sum_i w_ij rho_i + b_j. For
L = |o - d|^2 / 2, o the output states, the sensitivities e_j = dL / dnet_j therefore solve

    e_j = B'(net_j) sum_k w_jk e_k  (+ (o_j - d_j) ds_j / dnet_j on outputs),

the adjoint equation (Almeida 1987; Pineda 1987), and dL/dw_ij = rho_i e_j, dL/db_j = e_j. As in the phases, all but
the feedback is solved by one sweep over the layers, here from the outputs down: the unknown is v, the part of
dL / drho of the feeding-back units that comes by way of the feedback links. It is a fixed point of a linear map whose
matrix is the return map, and Anderson's method finds it for each sample on its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.activations import balance_slope, state_slope
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array
from ctsigprop.solvers.anderson import fixed_point
from ctsigprop.solvers.result import Status

DEPTH = 10
MOST_SWEEPS = 1000
TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@dataclass(frozen=True, eq=False)
class Adjoint:
    """Sensitivities of each sample's own loss.

    Attributes:
        sensitivities: dL / dnet of layers 1 to N, each (samples, units).
        sweeps: sweeps that each sample took, (samples,).
        residual: |v' - v| / |v'| of each sample's last sweep, (samples,).
        status: SUCCESS, or why some sample has not converged.
    """

    sensitivities: tuple[Array, ...]
    sweeps: NDArray[np.int64]
    residual: Array
    status: Status


def adjoint(sweeps: LayerSweeps, states: Sequence[Array], target: Array) -> Adjoint:
    """Solves the adjoint equation at free equilibria.

    Args:
        sweeps: of the network.
        states: the equilibria, layers 1 to N, each (samples, units).
        target: d of the loss |o - d|^2 / 2, (samples, classes).
    """
    network = sweeps.network
    slopes = [balance_slope(network.rho, state, network.leak) for state in states]
    error = (states[-1] - target) * state_slope(network.rho, states[-1], network.leak)

    def backward(v: Array, rows: NDArray[np.int64] | slice) -> dict[int, Array]:
        """Sensitivities, by layer, for given feedback v."""
        pulls = {layer: v[:, columns] for layer, columns in sweeps.columns.items()}
        found: dict[int, Array] = {}
        for layer in range(network.output, 0, -1):
            sensitivity = pulls.get(layer, 0) * slopes[layer - 1][rows]
            if layer == network.output:
                sensitivity = sensitivity + error[rows]
            found[layer] = sensitivity
            for link in sweeps.forward[layer]:
                pulls[link.source] = pulls.get(link.source, 0) + sensitivity @ link.weight.T
        return found

    def sweep(v: Array, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        found = backward(v, rows)
        following = np.zeros_like(v)
        for layer, links in sweeps.feedback.items():
            for link in links:
                following[:, sweeps.columns[link.source]] += found[layer] @ link.weight.T
        size = np.maximum(np.linalg.norm(following, axis=1), np.finfo(v.dtype).tiny)
        return following, np.linalg.norm(following - v, axis=1) / size

    start = np.zeros((len(target), sweeps.size), network.dtype)
    tolerance = TOLERANCE[network.dtype.name]
    solved = fixed_point(sweep, start, tolerance=tolerance, max_sweeps=MOST_SWEEPS, depth=DEPTH)
    found = backward(solved.u, slice(None))
    sensitivities = tuple(found[layer] for layer in range(1, network.output + 1))
    return Adjoint(sensitivities, solved.sweeps, solved.residual, solved.status)
