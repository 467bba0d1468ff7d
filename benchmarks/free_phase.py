"""One free phase, integrated by ctsigprop, by SciPy and by torchdiffeq: the contestants of the solver benchmark."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.architectures import build
from ctsigprop.continuous.dynamics import field_arguments, hopfield_field, layers_of
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array, Network
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.settings import LearningSettings, NetworkSettings, Precision
from ctsigprop.solvers import integrate

FEATURES, HIDDEN, CLASSES = 64, (128, 128), 10
END = 20.0

Solution = tuple[Array, int]
"""States at the asked times, (times, samples, neurons) of float64, and evaluations of the field."""
Solve = Callable[[float, NDArray[np.float64] | None], Solution]
"""solve(tolerance, times) integrates the batch; without times to the end alone, and the states are then raw."""


@dataclass(frozen=True)
class Phase:
    """A batch at the beginning of its free phase: a network and the constant input of every layer."""

    network: Network
    drive: tuple[Array, ...]
    samples: int

    @classmethod
    def of(cls, precision: Precision, samples: int) -> "Phase":
        """Draw the same network and batch in either precision."""
        settings = NetworkSettings(hidden=HIDDEN, rho="logistic", output_gain=1.0, precision=precision)
        network = build(FEATURES, CLASSES, settings, LearningSettings(rates=(0.1,)), np.random.default_rng(0))
        inputs = np.random.default_rng(1).uniform(size=(samples, FEATURES)).astype(precision)
        drive = LayerSweeps(network).drive(inputs)
        shapes = [(samples, units) for units in network.sizes[1:]]
        return cls(network, tuple(np.broadcast_to(d, s) for d, s in zip(drive, shapes, strict=True)), samples)

    def split(self, parts: int) -> "list[Phase]":
        """Share the samples out."""
        rows = np.array_split(np.arange(self.samples), parts)
        return [Phase(self.network, tuple(d[r] for d in self.drive), len(r)) for r in rows]

    def rest(self) -> Array:
        """The zero state, flat."""
        return np.zeros(self.samples * sum(self.network.sizes[1:]), self.network.dtype)

    def by_sample(self, states: Array) -> Array:
        """Turn flat states (times, n) into (times, samples, neurons) of float64."""
        return np.concatenate(layers_of(self.network, states), axis=-1).astype(np.float64)


def our_solve(phase: Phase, threads: int) -> Solve:
    """Dormand-Prince of ctsigprop; on several threads each integrates a part of the batch."""
    parts = phase.split(threads)
    arguments = [field_arguments(part.network, part.drive, part.samples, None) for part in parts]
    pool = ThreadPoolExecutor(threads)

    def solve(tolerance: float, times: NDArray[np.float64] | None) -> Solution:
        def one(number: int) -> Solution:
            parameters, layout = arguments[number]
            part = parts[number]
            result = integrate(
                hopfield_field,
                part.rest(),
                (0.0, END),
                parameters=parameters,
                layout=layout,
                rtol=tolerance,
                atol=tolerance,
                times=times,
                check=True,
            )
            states = result.y[None] if times is None else result.states
            return (states if times is None else part.by_sample(states)), result.evaluations

        done = [one(0)] if threads == 1 else list(pool.map(one, range(threads)))
        if times is None:
            return done[0]
        return np.concatenate([states for states, _ in done], axis=1), max(count for _, count in done)

    return solve


def scipy_solve(
    phase: Phase,
    method: str,
    derivative: Callable[[float, Array], Array],
    tolerance: float,
    times: NDArray[np.float64] | None,
) -> Solution:
    """SciPy's solve_ivp; the dense output at the end alone is cheaper than the list of all its steps."""
    from scipy.integrate import solve_ivp

    asked = [END] if times is None else times
    done = solve_ivp(derivative, (0.0, END), phase.rest(), method, asked, rtol=tolerance, atol=tolerance)
    if not done.success:
        raise RunFailure(f"SciPy's {method} failed: {done.message}")
    return (done.y if times is None else phase.by_sample(done.y.T)), done.nfev


def compiled_field(phase: Phase) -> Callable[[float, Array], Array]:
    """The field that ctsigprop integrates, in SciPy's form."""
    parameters, layout = field_arguments(phase.network, phase.drive, phase.samples, None)

    def derivative(t: float, y: Array) -> Array:
        dydt = np.empty_like(y)
        hopfield_field(t, y, dydt, parameters, layout)
        return dydt

    return derivative


def numpy_field(phase: Phase) -> Callable[[float, Array], Array]:
    """Eq. 13 in NumPy: products into their place, all else in place on the whole buffer."""
    network = phase.network
    to_second, to_output, loop = (network.parameters()[name] for name in ("W12", "W23", "W31"))
    drive = np.concatenate([layer.ravel() for layer in phase.drive])
    rho = np.empty_like(drive)
    first, second, output = layers_of(network, rho)

    def derivative(t: float, y: Array) -> Array:
        np.multiply(y, -4.0, out=rho)
        np.add(rho, 2.0, out=rho)
        np.exp(rho, out=rho)
        np.add(rho, 1.0, out=rho)
        np.reciprocal(rho, out=rho)
        dydt = np.empty_like(y)
        into_first, into_second, into_output = layers_of(network, dydt)
        np.matmul(output, loop, out=into_first)
        np.matmul(first, to_second, out=into_second)
        np.matmul(second, to_output, out=into_output)
        dydt += drive
        dydt *= rho
        np.subtract(1.0, rho, out=rho)
        dydt *= rho
        dydt *= 4.0
        dydt -= y
        return dydt

    return derivative


def torch_solve(phase: Phase) -> Solve:
    """torchdiffeq's dopri5, without autograd."""
    try:
        import torch
        from torchdiffeq import odeint
    except ModuleNotFoundError as missing:
        raise InputError(f"{missing.name} is not installed: pip install 'ctsigprop[dev]'") from None

    network = phase.network
    to_second, to_output, loop = (torch.from_numpy(network.parameters()[name]) for name in ("W12", "W23", "W31"))
    drives = [torch.tensor(layer) for layer in phase.drive]
    ends = phase.samples * np.cumsum([0, *network.sizes[1:]])
    slices = [slice(start, end) for start, end in pairwise(ends)]
    evaluations = 0

    def derivative(t: Any, y: Any) -> Any:
        nonlocal evaluations
        evaluations += 1
        rho = torch.sigmoid(4 * y - 2)
        first, second, output = (rho[part].view(phase.samples, -1) for part in slices)
        dydt = torch.empty_like(y)
        sources = ((output, loop), (first, to_second), (second, to_output))
        for part, drive, (rates, weight) in zip(slices, drives, sources, strict=True):
            torch.addmm(drive, rates, weight, out=dydt[part].view(phase.samples, -1))
        return dydt.mul_(rho).mul_(1 - rho).mul_(4).sub_(y)

    def solve(tolerance: float, times: NDArray[np.float64] | None) -> Solution:
        nonlocal evaluations
        evaluations = 0
        asked = torch.tensor([0.0, END] if times is None else times)
        with torch.inference_mode():
            start = torch.from_numpy(phase.rest())
            states = odeint(derivative, start, asked, rtol=tolerance, atol=tolerance, method="dopri5").numpy()
        return (states[-1:] if times is None else phase.by_sample(states)), evaluations

    return solve
