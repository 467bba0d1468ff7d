"""What a small displacement from an equilibrium does: how strongly feedback returns it, and how fast it dies out.

Two views of one equilibrium. The return map says what sweeps do to a displacement of the units that feed back; its
spectral radius is the loop gain. The Jacobian of Eq. 13 says what time does to a displacement of any neuron: with
rho' and rho'' at the equilibrium,

    J_ji = rho'(s_j) w_ij rho'(s_i) - delta_ij (1 / r_j - rho''(s_j) net_j),

and its rightmost eigenvalue lambda gives the slowest time constant -1 / Re(lambda) and, where it is one of a complex
pair, an oscillation. A neuron that the hard sigmoid or the rectifier holds at a bound takes no part: displaced, it
decays at the leak.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array
from ctsigprop.solvers.arnoldi import outermost, rightmost

TOLERANCE = 1e-6
DENSE = 64
"""Units that feed back, up to which the loop gain comes from the whole return map."""
GAIN_TOLERANCE = 1e-3
REAL = 1e-6  # largest |Im lambda| r that rounding gives to a real eigenvalue


@dataclass(frozen=True, eq=False)
class Decay:
    """How displacements from equilibria die out.

    Attributes:
        time_constant: of the slowest, in the unit of the network's own, (samples,); infinite where one grows, and
            NaN where the eigenvalue has not been found.
        oscillating: whether the slowest oscillates as it dies out, (samples,).
    """

    time_constant: NDArray[np.float64]
    oscillating: NDArray[np.bool_]


def return_product(sweeps: LayerSweeps, states: Sequence[Array]) -> Callable[[Array], Array]:
    """The return map at equilibria as a product: what one sweep makes of a displacement of the feeding-back rates.

    Args:
        sweeps: of the network.
        states: equilibria of layers 1 to N, each (samples, units).

    Returns:
        The product with a vector for each sample, (..., samples, units that feed back) -> the same shape.
    """
    network = sweeps.network
    slopes = network.slopes_of(states)
    rates = dict(enumerate(network.rates_of(states), start=1))
    back, ahead = (
        {layer: [(link.source, link.tangent(rates)) for link in links] for layer, links in found.items()}
        for found in (sweeps.feedback, sweeps.forward)
    )

    def product(x: Array) -> Array:
        x = x.astype(network.dtype, copy=False)
        after: dict[int, Array] = {}
        for layer, slope in enumerate(slopes, start=1):
            change = np.zeros((*x.shape[:-1], slope.shape[1]), network.dtype)
            for source, tangent in back[layer]:
                change += tangent.push(x[..., sweeps.columns[source]])
            for source, tangent in ahead[layer]:
                change += tangent.push(after[source])
            after[layer] = change * slope
        return np.concatenate([x[..., :0], *(after[layer] for layer in sweeps.sources)], axis=-1)

    return product


def return_map(sweeps: LayerSweeps, states: Sequence[Array]) -> Array:
    """Derivative of the feeding-back rates after one sweep by those before it, at equilibria.

    Args:
        sweeps: of the network.
        states: equilibria of layers 1 to N, each (samples, units).

    Returns:
        Shape (samples, n, n), n the units that feed back: 10 x 10 for a loop from ten outputs. Entry [s, a, b]
        is the change of unit b for a unit change of unit a.
    """
    n, samples = sweeps.size, len(states[0])
    every = np.broadcast_to(np.eye(n, dtype=sweeps.network.dtype)[:, None], (n, samples, n))
    return return_product(sweeps, states)(every).swapaxes(0, 1)


def loop_gain(sweeps: LayerSweeps, states: Sequence[Array]) -> Array:
    """Spectral radius of the return map, shape (samples,); sweeps diverge from an equilibrium where it passes 1.

    Of more than DENSE units that feed back it comes from Krylov spaces, as near as 20 restarts bring it to
    GAIN_TOLERANCE of the map's norm.
    """
    if sweeps.size <= DENSE:
        return np.abs(np.linalg.eigvals(return_map(sweeps, states))).max(axis=1, initial=0)
    start = np.random.default_rng(0).normal(size=sweeps.size) * np.ones((len(states[0]), 1))
    found = outermost(return_product(sweeps, states), start, tolerance=GAIN_TOLERANCE, steps=32, restarts=20)
    return np.abs(found.values)


def jacobian(sweeps: LayerSweeps, states: Sequence[Array]) -> Callable[[Array], Array]:
    """J + 1/r of Eq. 13 at free equilibria, r the largest time constant, as a product with a vector.

    Args:
        sweeps: of the network.
        states: the equilibria, layers 1 to N, each (samples, units).

    Returns:
        The product with a vector for each sample, (..., samples, neurons) -> the same shape, float64; the neurons are
        those of layers 1 to N in turn.
    """
    network = sweeps.network
    exact = [state.astype(np.float64) for state in states]
    slopes = [rho.slopes(state) for rho, state in zip(network.rhos, exact, strict=True)]
    neurons = zip(network.rhos, exact, network.leaks, strict=True)
    surplus = [1 / network.slowest - rho.stiffness(state, leak.astype(np.float64)) for rho, state, leak in neurons]
    rates = {number: rho.rates(state) for number, (rho, state) in enumerate(zip(network.rhos, exact, strict=True), 1)}
    links = [
        (link.source, link.target, link.tangent(rates))
        for connection in network.connections
        if connection.source
        for link in connection.astype(np.dtype(np.float64)).links()
    ]
    ends = np.cumsum([0, *network.sizes[1:]])
    parts = [slice(*ends[layer : layer + 2]) for layer in range(network.output)]

    def product(x: Array) -> Array:
        change = np.concatenate([x[..., part] * own for part, own in zip(parts, surplus, strict=True)], axis=-1)
        for source, target, tangent in links:
            there, here = target - 1, source - 1
            change[..., parts[there]] += tangent.push(x[..., parts[here]] * slopes[here]) * slopes[there]
        return change

    return product


def decay(sweeps: LayerSweeps, states: Sequence[Array]) -> Decay:
    """Slowest time constant and oscillation at free equilibria, from the rightmost eigenvalue of the Jacobian.

    Args:
        sweeps: of the network.
        states: the equilibria, layers 1 to N, each (samples, units).
    """
    leak = 1 / sweeps.network.slowest
    found = rightmost(jacobian(sweeps, states), _displaced(sweeps, states), tolerance=TOLERANCE)
    speed = leak - found.values.real
    time_constant = np.divide(1, speed, out=np.full_like(speed, np.inf), where=speed > 0)
    time_constant[found.residual > TOLERANCE] = np.nan
    return Decay(time_constant, np.abs(found.values.imag) > REAL * leak)


def _displaced(sweeps: LayerSweeps, states: Sequence[Array]) -> Array:
    """Random displacements that have a part in every eigenvector but some that decay at the leak, (samples, neurons).

    Where the state is its own rate, an eigenvalue of J + 1/r that is not 0 belongs to a way round through units that
    feed back: from these alone, a network with a loop from ten outputs has a Krylov space of ten dimensions a layer.
    Neurons of unlike time constants all take part.
    """
    network, rng = sweeps.network, np.random.default_rng(0)
    alike = all((leak == network.leaks[0][0]).all() for leak in network.leaks)
    displaced = []
    for layer, (rho, state) in enumerate(zip(network.rhos, states, strict=True), start=1):
        part = rng.normal(size=state.shape[1]) * np.ones(state.shape)
        if alike and rho.rate_is_state and sweeps.sources:
            part *= rho.slopes(state) if layer in sweeps.sources else 0
        displaced.append(part)
    return np.concatenate(displaced, axis=1)
