"""Eq. 13 as a vector field that any integrator takes, and the energy it descends where there is one.

The state is one flat buffer for the whole batch, laid out layer by layer: layer 1's (samples, units) block,
then layer 2's, to the outputs.

A call of the library's `exp` keeps a loop scalar. Here it is written out in the arithmetic of the buffer's own
precision, of which the compiler makes vectors: exp(x) = 2^k exp(r) with k = round(x / ln 2), |r| <= ln(2) / 2
and the Taylor polynomial of exp(r) (Muller, Elementary Functions, 3rd ed., ch. 11). The compiled functions that call
each other stay in this one file, because Numba's cache does not look beyond a file.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from math import exp, factorial
from typing import Any

import numpy as np
from numba import types
from numba.extending import overload
from numpy.typing import NDArray

from ctsigprop.continuous.connections import Dense
from ctsigprop.continuous.network import Array, Network, Nudge
from ctsigprop.continuous.rho.kernels import LOGISTIC, TANH
from ctsigprop.core.compilation import compiled
from ctsigprop.errors import InputError

Field = Callable[[float, Array, Array, Array, NDArray[np.int64]], None]
Drive = Sequence[Array] | Callable[[float], Sequence[Array]]
"""Inputs and biases of layers 1 to N, each (samples or 1, units): constant, or of the time of the phase."""

_HEADER, _SEGMENT, _LINK = 4, 3, 7

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
    """Writes rho of every state y to `rates`, both flat; `code` is one of `rho.kernels`."""
    one, two, four = y.dtype.type(1), y.dtype.type(2), y.dtype.type(4)
    if code == LOGISTIC:
        for k in range(y.size):
            rates[k] = one / (one + _exp(two - four * y[k]))
    elif code == TANH:
        for k in range(y.size):
            rates[k] = two / (one + _exp(-two * y[k])) - one
    else:
        rates[:] = y


@compiled(error_model="numpy", fastmath={"contract"})
def fill_derivative(code: int, leak: Array, y: Array, rates: Array, drive: Array, dydt: Array) -> None:
    """Turns the recurrent input in `dydt` into rho'(s) (input + drive) - leak s, all flat."""
    one, four = y.dtype.type(1), y.dtype.type(4)
    if code == LOGISTIC:
        for k in range(y.size):
            dydt[k] = four * rates[k] * (one - rates[k]) * (dydt[k] + drive[k]) - leak[k] * y[k]
    elif code == TANH:
        for k in range(y.size):
            dydt[k] = (one - rates[k] * rates[k]) * (dydt[k] + drive[k]) - leak[k] * y[k]
    else:
        for k in range(y.size):
            dydt[k] = dydt[k] + drive[k] - leak[k] * y[k]


@compiled()
def hopfield_field(t: float, y: Array, dydt: Array, parameters: Array, layout: NDArray[np.int64]) -> None:
    """ds/dt = rho'(s) (sum w rho(s) + drive) - s / r - beta (s - d) (paper, Eq. 13), of the squared error.

    Args:
        t: time; Eq. 13 does not depend on it.
        y: states of layers 1 to N, flat.
        dydt: receives the derivative, flat.
        parameters: from `field_arguments`.
        layout: from `field_arguments`.
    """
    samples, segment_count, link_count, outputs = layout[0], layout[1], layout[2], layout[3]
    links = _HEADER + _SEGMENT * segment_count
    size = y.size
    rates, product = np.empty_like(y), np.empty_like(y)
    for segment in range(segment_count):
        code, begin, end = layout[_HEADER + _SEGMENT * segment : _HEADER + _SEGMENT * (segment + 1)]
        fill_rates(code, y[begin:end], rates[begin:end])
    dydt[:] = 0
    for link in range(link_count):
        source, source_units, target, target_units, at, transposed, first = layout[
            links + _LINK * link : links + _LINK * (link + 1)
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
    leak, drive = parameters[:size], parameters[size : 2 * size]
    for segment in range(segment_count):
        code, begin, end = layout[_HEADER + _SEGMENT * segment : _HEADER + _SEGMENT * (segment + 1)]
        part = slice(begin, end)
        fill_derivative(code, leak[part], y[part], rates[part], drive[part], dydt[part])
    output = size - samples * outputs
    beta, target_states = 2 * size, 2 * size + samples
    for sample in range(samples):
        pull = parameters[beta + sample]
        if pull == np.inf:
            dydt[output + sample * outputs : output + (sample + 1) * outputs] = 0
        elif pull != 0:
            for k in range(sample * outputs, (sample + 1) * outputs):
                dydt[output + k] -= pull * (y[output + k] - parameters[target_states + k])


def field_of(
    network: Network, drive: Drive, samples: int, nudge: Nudge | None
) -> tuple[Field, Array, NDArray[np.int64]]:
    """The field of a network's phase, its parameters and its layout, as `integrate` takes them.

    It is compiled where the drive is constant, connections are dense, every rho is a shipped one and the cost, in a
    nudged phase, the squared error; elsewhere it is a function of NumPy. Arguments as for `field_arguments`, but for
    the drive: see `Drive`.
    """
    if callable(drive):
        return plain_field(network, drive, nudge), np.empty(0, network.dtype), np.empty(0, np.int64)
    shipped = all(rho.code is not None for rho in network.rhos)
    dense = all(isinstance(one, Dense) for one in network.connections if one.source > 0)
    if shipped and dense and (nudge is None or network.cost.name == "squared_error"):
        return hopfield_field, *field_arguments(network, drive, samples, nudge)
    return plain_field(network, drive, nudge), np.empty(0, network.dtype), np.empty(0, np.int64)


def plain_field(
    network: Network,
    drive: Drive,
    nudge: Nudge | None,
    delayed: Callable[[float], Array] | None = None,
) -> Field:
    """Eq. 13 with any rho and cost, layer by layer, of the weights and the drive as they stand when it is asked.

    Args:
        network: of the layers.
        drive: inputs of layers 1 to N.
        nudge: none in the free phase.
        delayed: the output rates that the layers below see at a time, (samples, outputs); those of the moment where it
            is left out.
    """
    links = [link for link in network.links() if link.source > 0]

    def field(t: float, y: Array, dydt: Array, parameters: Array, layout: NDArray[np.int64]) -> None:
        states, changes = layers_of(network, y), layers_of(network, dydt)
        rates = dict(enumerate(network.rates_of(states), start=1))
        seen = rates if delayed is None else rates | {network.output: delayed(t)}
        for change, external in zip(changes, drive(t) if callable(drive) else drive, strict=True):
            change[...] = external
        for link in links:
            late = link.source == network.output > link.target
            changes[link.target - 1][...] = link.add(seen if late else rates, changes[link.target - 1])
        for rho, leak, state, change in zip(network.rhos, network.leaks, states, changes, strict=True):
            if not rho.rate_is_state:
                change *= rho.inner_slopes(state)
            change -= leak * state
        if nudge is not None and np.isinf(nudge.beta).any():
            changes[-1][...] = 0
        elif nudge is not None:
            changes[-1][...] -= nudge.beta[:, None] * network.cost.gradient(states[-1], nudge.target)

    return field


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
        parameters: leak and drive (flat as the state), beta (samples,), targets (samples, outputs), weights.
        layout: samples, segments, links, outputs; for each segment of neighbouring layers alike its rho, begin and
            end; for each link source offset and units, target offset and units, weight offset, whether it is used
            transposed, whether it is the first to drive its target.
    """
    sizes = network.sizes[1:]
    offsets = samples * np.cumsum([0, *sizes])
    beta = np.zeros(samples, network.dtype) if nudge is None else nudge.beta
    target = np.zeros((samples, sizes[-1]), network.dtype) if nudge is None else nudge.target
    constants = [np.tile(leak, samples) for leak in network.leaks]
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
        constants.append(connection.acting.ravel())
        place += connection.matrix.size
    segments = []
    for code, alike in groupby(range(len(sizes)), key=lambda layer: network.rhos[layer].code):
        layers = list(alike)
        segments.append((code, offsets[layers[0]], offsets[layers[-1] + 1]))
    header = (samples, len(segments), len(links), sizes[-1])
    rest = (number for entry in (*segments, *links) for number in entry)
    return np.concatenate(constants), np.array([*header, *rest], np.int64)


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

    E = sum s^2 / (2 r) - sum_pairs w rho_i rho_j - sum drive rho (Scellier & Bengio 2017).

    Returns:
        Shape (samples,).

    Raises:
        InputError: a connection beyond the input is directed, so that there is no energy.
    """
    rates = network.rates_of(states)
    total = sum((leak * layer**2).sum(axis=1) / 2 for leak, layer in zip(network.leaks, states, strict=True))
    total = total - sum((d * r).sum(axis=1) for d, r in zip(drive, rates, strict=True))
    for connection in network.connections:
        if connection.source == 0:
            continue
        if not connection.symmetric:
            raise InputError(f"{connection.name} is directed: only a network of symmetric connections has an energy")
        pre, post = rates[connection.source - 1], rates[connection.target - 1]
        total = total - (connection.drive(pre, np.zeros_like(post[:1])) * post).sum(axis=1)
    if nudge is not None:
        total = total + nudge.beta * network.cost.value(states[-1], nudge.target)
    return total


def bounds_of(network: Network, samples: int) -> tuple[float | Array, float | Array]:
    """Bounds of the flat state: two numbers where all layers have the same."""
    if len({rho.bounds for rho in network.rhos}) == 1:
        return network.rhos[0].bounds
    layers = zip(network.rhos, network.sizes[1:], strict=True)
    low, high = np.concatenate(
        [np.tile(np.array(rho.bounds)[:, None], samples * units) for rho, units in layers], axis=1
    )
    return low, high
