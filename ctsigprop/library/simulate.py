"""`simulate`: both phases of samples in continuous time."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctsigprop.analysis.measures.time_courses import TimeCourses, time_courses
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array, Network
from ctsigprop.continuous.prediction import network_inputs
from ctsigprop.errors import InputError
from ctsigprop.library.solvers import InTime
from ctsigprop.settings import SolverSettings
from ctsigprop.settings.checks import require_number
from ctsigprop.settings.continuous import STEPPED
from ctsigprop.solvers import Tableau


@dataclass(frozen=True, eq=False)
class Simulation:
    """Both phases of some samples, one after the other.

    Attributes:
        times: from the beginning of the free phase, in the unit of the time constants; the moment of nudging is there
            twice, before and after, (times,).
        nudged: that moment.
        states: of layers 1 to N, each (times, samples, units).
        rates: firing rates of the same.
        residual: relative residual |F(s) - s| / |s|, (times, samples); NaN where the state is zero.
        energy: E + beta C, (times, samples); None where a link between neurons is directed.
    """

    times: NDArray[np.float64]
    nudged: float
    states: tuple[Array, ...]
    rates: tuple[Array, ...]
    residual: NDArray[np.float64]
    energy: Array | None

    def __repr__(self) -> str:
        samples, layers = self.states[0].shape[1], len(self.states)
        return f"Simulation({samples} samples, {layers} layers, {len(self.times)} times up to {self.times[-1]:.3g})"


def simulate(
    network: Network,
    x: ArrayLike,
    target: ArrayLike,
    *,
    beta: float = 1.0,
    solver: str | Tableau | SolverSettings = "dopri5",
    duration: tuple[float, float] | None = None,
    noise: float = 0.0,
    seed: int = 0,
) -> Simulation:
    """Integrate the free phase of samples from rest, and the clamped phase from where that ends.

    Args:
        network: with its weights.
        x: inputs as the user has them, (samples, ...).
        target: classes, whole numbers (samples,), or d of Eq. 13, floats (samples, outputs).
        beta: nudging strength.
        solver: an integrator, or its name in `METHODS`, or `InTime`.
        duration: of the free and of the clamped phase, in the unit of the time constants; by default twice what the
            slowest sample takes to rest.
        noise: standard deviation of a white noise current into every neuron, over a unit of time; it needs a duration,
            and euler or heun as solver.
        seed: of the noise.

    Raises:
        InputError: an argument that cannot be used.
        RunFailure: the integration broke off.
    """
    in_time = solver if isinstance(solver, SolverSettings) else InTime(solver)
    if in_time.sweeps:
        raise InputError(f"solver = {in_time.method!r}: has no time: give the name of an integrator")
    require_number("noise", noise, 0.0)
    if noise and (duration is None or in_time.method not in STEPPED):
        raise InputError(f"noise = {noise!r}: needs a duration, and one of {', '.join(STEPPED)} as solver")
    inputs = network_inputs(network, x)
    sweeps, d = LayerSweeps(network), _targets(network, target, len(inputs))
    courses = time_courses(sweeps, inputs, d, beta, in_time, duration, noise, seed)
    return simulation_of(network, courses)


def simulation_of(network: Network, courses: TimeCourses) -> Simulation:
    """The simulation that time courses are of."""
    phases = [phase.energy for phase in (courses.free, courses.clamped) if phase.energy is not None]
    states = courses.states
    energy = np.concatenate(phases) if phases else None
    return Simulation(courses.times, courses.nudged, states, network.rates_of(states), courses.residual, energy)


def _targets(network: Network, target: ArrayLike, samples: int) -> Array:
    """d of Eq. 13 for every sample, (samples, outputs)."""
    given = np.asarray(target)
    outputs = network.sizes[-1]
    if given.dtype.kind in "iu" and given.shape == (samples,) and given.min() >= 0 and given.max() < outputs:
        return np.eye(outputs, dtype=network.dtype)[given]
    if given.dtype.kind == "f" and given.shape == (samples, outputs) and np.isfinite(given).all():
        return given.astype(network.dtype)
    raise InputError(
        f"target: {given.dtype} of shape {given.shape}: must be {samples} classes from 0 to {outputs - 1}, or finite "
        f"numbers of shape ({samples}, {outputs})"
    )
