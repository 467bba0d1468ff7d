"""The exact gradient of the loss at the free equilibrium, by implicit differentiation.

At balance a rate is a function of its net input alone, rho_j = B(net_j), with net_j = sum_i w_ij rho_i + b_j. For
a loss L of the output states o, the sensitivities e_j = dL / dnet_j therefore solve

    e_j = B'(net_j) sum_k w_jk e_k  (+ dL/do_j ds_j / dnet_j on outputs),

the adjoint equation (Almeida 1987; Pineda 1987), and dL/dw_ij = rho_i e_j, dL/db_j = e_j. As in the phases, all but
the feedback is solved by one sweep over the layers, here from the outputs down: the unknown is v, the part of
dL / drho of the feeding-back units that comes by way of the feedback links. A sweep takes v to c + R v, R the return
map, and v = c + R v is solved for each sample on its own by GMRES, which asks for no loop gain below 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array
from ctsigprop.solvers.gmres import gmres
from ctsigprop.solvers.result import Status

TOLERANCE = {"float32": 1e-5, "float64": 1e-12}


@dataclass(frozen=True, eq=False)
class Adjoint:
    """Sensitivities of each sample's own loss.

    Attributes:
        sensitivities: dL / dnet of layers 1 to N, each (samples, units).
        sweeps: sweeps that each sample took to find v, (samples,).
        residual: |c + R v - v| / |c| of each sample, (samples,).
        status: SUCCESS, or why some sample has not converged.
    """

    sensitivities: tuple[Array, ...]
    sweeps: NDArray[np.int64]
    residual: NDArray[np.float64]
    status: Status


def adjoint(sweeps: LayerSweeps, states: Sequence[Array], target: Array, output_net: Array | None = None) -> Adjoint:
    """Solves the adjoint equation at free equilibria.

    Args:
        sweeps: of the network.
        states: the equilibria, layers 1 to N, each (samples, units).
        target: d of the loss, the network's cost, (samples, outputs).
        output_net: input of the outputs, (samples, outputs). Where it is given, an output that stands at the very
            kink, such as one that has no weights yet, has the slope of the side to which the loss falls; otherwise
            it has none.
    """
    network = sweeps.network
    slopes = network.slopes_of(states)
    rates = dict(enumerate(network.rates_of(states), start=1))
    links = (link for found in (sweeps.forward, sweeps.feedback) for own in found.values() for link in own)
    tangents = {link: link.tangent(rates) for link in links}
    rho, leak, outputs = network.rhos[-1], network.leaks[-1], states[-1]
    pull = network.cost.gradient(outputs, target)
    error = pull * rho.state_slopes(outputs, leak)
    if output_net is not None and rho.rate_is_state:
        low, high = rho.bounds
        at_kink = outputs == output_net / leak
        inwards = ((outputs == low) & (pull < 0)) | ((outputs == high) & (pull > 0))
        error = np.where(at_kink & inwards, pull / leak, error)

    def backward(v: Array, rows: NDArray[np.int64] | slice, error: Array | float) -> list[Array]:
        """Sensitivities of layers 1 to N for given v and output errors."""
        passed: dict[int, Array | float] = {layer: v[:, columns] for layer, columns in sweeps.columns.items()}
        found: list[Array] = []
        for layer in range(network.output, 0, -1):
            sensitivity = passed.get(layer, 0.0) * slopes[layer - 1][rows]
            if layer == network.output:
                sensitivity = sensitivity + error
            for link in sweeps.forward[layer]:
                passed[link.source] = passed.get(link.source, 0.0) + tangents[link].pull(sensitivity, rows)
            found.insert(0, sensitivity)
        return found

    def returned(found: Sequence[Array], rows: NDArray[np.int64] | slice) -> Array:
        """What the feedback links carry back of sensitivities: the following v."""
        following = np.zeros((len(found[0]), sweeps.size), network.dtype)
        for layer, links in sweeps.feedback.items():
            for link in links:
                following[:, sweeps.columns[link.source]] += tangents[link].pull(found[layer - 1], rows)
        return following

    def one_less_return_map(v: Array, rows: NDArray[np.int64]) -> Array:
        return v - returned(backward(v.astype(network.dtype), rows, 0.0), rows)

    everyone = slice(None)
    first = returned(backward(np.zeros((len(target), sweeps.size), network.dtype), everyone, error), everyone)
    solved = gmres(one_less_return_map, first, tolerance=TOLERANCE[network.dtype.name])
    sensitivities = tuple(backward(solved.x.astype(network.dtype), everyone, error))
    return Adjoint(sensitivities, 1 + solved.products, solved.residual, solved.status)
