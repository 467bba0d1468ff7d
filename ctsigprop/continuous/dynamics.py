"""Eq. 13 as a vector field that any integrator takes, and the energy it descends where there is one.

The state is one flat buffer for the whole batch, laid out layer by layer: layer 1's (samples, units) block,
then layer 2's, to the outputs.

A call of the library's `exp` keeps a loop scalar. Here it is written out in the arithmetic of the buffer's own
precision, of which the compiler makes vectors: exp(x) = 2^k exp(r) with k = round(x / ln 2), |r| <= ln(2) / 2
and the Taylor polynomial of exp(r) (Muller, Elementary Functions, 3rd ed., ch. 11). The compiled functions that call
each other stay in this one file, because Numba's cache does not look beyond a file.
"""

from collections.abc import Callable, Sequence
from math import exp, factorial
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from ctsigprop.compilation import compiled
from ctsigprop.continuous.activations import CODES, firing_rate
from ctsigprop.continuous.network import Array, Network, Nudge
from ctsigprop.errors import InputError

_HEADER = 4
_LINK = 7
_LOGISTIC, _TANH = 1, 2

# Degree of the polynomial, largest |x|, ln 2 in a part of few digits and the rest, mantissa bits, exponent bias.
_SINGLE = (6, 87.0, 0.693359375, -2.12194440e-4, 23, 127)
_DOUBLE = (12, 708.0, 0.6931471803691238, 1.9082149292705877e-10, 52, 1023)


def _exp(x: float) -> float:
    return exp(x)


@overload(_exp)
def _vector_exp(x: Any) -> Callable[[Any], Any]:
    single = x == types.float32
    real, whole = (np.float32, np.int32) if single else (np.float64, np.int64)
    degree, largest, high, low, mantissa, bias = _SINGLE if single else _DOUBLE
    taylor = tuple(real(1 / factorial(k)) for k in range(degree, -1, -1))
    limit, per_ln2, half = real(largest), real(1.4426950408889634), real(0.5)
    ln2_high, ln2_low = real(high), real(low)
    shift, offset = whole(mantissa), whole(bias)

    def written_out(x: Any) -> Any:
        x = min(max(x, -limit), limit)
        k = np.floor(x * per_ln2 + half)
        r = (x - k * ln2_high) - k * ln2_low
        polynomial: Any = real(0)
        for coefficient in taylor:
            polynomial = polynomial * r + coefficient
        return polynomial * whole((whole(k) + offset) << shift).view(real)

    return written_out


@compiled(error_model="numpy", fastmath={"contract"})
def fill_rates(code: int, y: Array, rates: Array) -> None:
    """Writes rho of every state y to `rates`, both flat; `code` is one of `activations.CODES`."""
    one, two, four = y.dtype.type(1), y.dtype.type(2), y.dtype.type(4)
    if code == _LOGISTIC:
        for k in range(y.size):
            rates[k] = one / (one + _exp(two - four * y[k]))
    elif code == _TANH:
        for k in range(y.size):
            rates[k] = two / (one + _exp(-two * y[k])) - one
    else:
        rates[:] = y


@compiled(error_model="numpy", fastmath={"contract"})
def fill_derivative(code: int, leak: float, y: Array, rates: Array, drive: Array, dydt: Array) -> None:
    """Turns the recurrent input in `dydt` into rho'(s) (input + drive) - leak s, all flat."""
    one, four, rate = y.dtype.type(1), y.dtype.type(4), y.dtype.type(leak)
    if code == _LOGISTIC:
        for k in range(y.size):
            dydt[k] = four * rates[k] * (one - rates[k]) * (dydt[k] + drive[k]) - rate * y[k]
    elif code == _TANH:
        for k in range(y.size):
            dydt[k] = (one - rates[k] * rates[k]) * (dydt[k] + drive[k]) - rate * y[k]
    else:
        for k in range(y.size):
            dydt[k] = dydt[k] + drive[k] - rate * y[k]


@compiled()
def hopfield_field(t: float, y: Array, dydt: Array, parameters: Array, layout: NDArray[np.int64]) -> None:
    """ds/dt = rho'(s) (sum w rho(s) + drive) - s / r - beta (s - d) (paper, Eq. 13).

    Args:
        t: time; Eq. 13 does not depend on it.
        y: states of layers 1 to N, flat.
        dydt: receives the derivative, flat.
        parameters: from `field_arguments`.
        layout: from `field_arguments`.
    """
    code, samples, link_count, outputs = layout[0], layout[1], layout[2], layout[3]
    size = y.size
    rates, product = np.empty_like(y), np.empty_like(y)
    fill_rates(code, y, rates)
    dydt[:] = 0
    for link in range(link_count):
        source, source_units, target, target_units, at, transposed, first = layout[
            _HEADER + _LINK * link : _HEADER + _LINK * (link + 1)
        ]
        driving = rates[source : source + samples * source_units].reshape((samples, source_units))
        driven = dydt[target : target + samples * target_units]
        weight = parameters[at : at + source_units * target_units]
        into = (driven if first else product[: driven.size]).reshape((samples, target_units))
        if transposed:
            np.dot(driving, weight.reshape((target_units, source_units)).T, into)
        else:
            np.dot(driving, weight.reshape((source_units, target_units)), into)
        if not first:
            for k in range(driven.size):
                driven[k] += product[k]
    fill_derivative(code, parameters[0], y, rates, parameters[1 : 1 + size], dydt)
    output = size - samples * outputs
    beta, target_states = 1 + size, 1 + size + samples
    for sample in range(samples):
        pull = parameters[beta + sample]
        if pull != 0:
            for k in range(sample * outputs, (sample + 1) * outputs):
                dydt[output + k] -= pull * (y[output + k] - parameters[target_states + k])


def field_arguments(
    network: Network, drive: Sequence[Array], samples: int, nudge: Nudge | None
) -> tuple[Array, NDArray[np.int64]]:
    """What `hopfield_field` needs to know of a network and a phase.

    Args:
        network: its weights are copied.
        drive: constant input and bias of layers 1 to N, each (samples or 1, units).
        samples: in the batch.
        nudge: none in the free phase.

    Returns:
        parameters: leak, drive (flat as the state), beta (samples,), targets (samples, classes), weights.
        layout: rho, samples, links, classes; for each link source offset and units, target offset and
            units, weight offset, whether it is used transposed, whether it is the first to drive its target.
    """
    sizes = network.sizes[1:]
    offsets = samples * np.cumsum([0, *sizes])
    beta = np.zeros(samples, network.dtype) if nudge is None else nudge.beta
    target = np.zeros((samples, sizes[-1]), network.dtype) if nudge is None else nudge.target
    constants = [np.array([network.leak], network.dtype)]
    constants += [np.broadcast_to(layer, (samples, layer.shape[1])).ravel() for layer in drive]
    constants += [beta, target.ravel()]
    place = sum(part.size for part in constants)
    links: list[tuple[int, ...]] = []

    def link(source: int, target: int, transposed: int) -> None:
        first = all(other[2] != offsets[target] for other in links)
        links.append((offsets[source], sizes[source], offsets[target], sizes[target], place, transposed, first))

    for connection in network.connections:
        if connection.source == 0:
            continue
        i, j = connection.source - 1, connection.target - 1
        link(i, j, 0)
        if connection.symmetric:
            link(j, i, 1)
        constants.append(connection.weight.ravel())
        place += connection.weight.size
    header = (CODES[network.rho], samples, len(links), sizes[-1])
    return np.concatenate(constants), np.array([*header, *(n for link in links for n in link)], np.int64)


def flatten(states: Sequence[Array]) -> Array:
    """One flat buffer for the states of layers 1 to N, each (samples, units)."""
    return np.concatenate([layer.ravel() for layer in states])


def layers_of(network: Network, flat: Array) -> tuple[Array, ...]:
    """Views of a flat buffer (..., size) as layers 1 to N, each (..., samples, units)."""
    sizes = network.sizes[1:]
    samples = flat.shape[-1] // sum(sizes)
    ends = samples * np.cumsum([0, *sizes])
    shape = flat.shape[:-1]
    return tuple(flat[..., ends[i] : ends[i + 1]].reshape(*shape, samples, units) for i, units in enumerate(sizes))


def energy(network: Network, drive: Sequence[Array], states: Sequence[Array], nudge: Nudge | None = None) -> Array:
    """E + beta C of each sample, which Eq. 13 descends where every link between neurons is symmetric.

    E = sum s^2 / (2 r) - sum_pairs w rho_i rho_j - sum drive rho and C = |o - d|^2 / 2 (Scellier & Bengio 2017).

    Returns:
        Shape (samples,).

    Raises:
        InputError: a connection beyond the input is directed, so that there is no energy.
    """
    rates = [firing_rate(network.rho, layer) for layer in states]
    total = sum(network.leak * (layer**2).sum(axis=1) / 2 for layer in states)
    total = total - sum((d * r).sum(axis=1) for d, r in zip(drive, rates, strict=True))
    for connection in network.connections:
        if connection.source == 0:
            continue
        if not connection.symmetric:
            raise InputError(f"{connection.name} is directed: only symmetric_ep has an energy")
        pre, post = rates[connection.source - 1], rates[connection.target - 1]
        total = total - ((pre @ connection.weight) * post).sum(axis=1)
    if nudge is not None:
        total = total + nudge.beta * ((states[-1] - nudge.target) ** 2).sum(axis=1) / 2
    return total
