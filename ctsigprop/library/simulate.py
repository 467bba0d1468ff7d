"""`simulate`: both phases of samples in continuous time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctsigprop.analysis.measures.time_courses import Conditions, Inputs, TimeCourses, time_courses
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array, Network, require_network
from ctsigprop.continuous.prediction import network_inputs
from ctsigprop.errors import InputError
from ctsigprop.library.solvers import InTime
from ctsigprop.settings import SolverSettings
from ctsigprop.settings.checks import require_multiple, require_number, require_whole
from ctsigprop.settings.continuous import STEPPED
from ctsigprop.settings.device import DeviceSettings, PhaseSettings
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


@dataclass(frozen=True, eq=False)
class Sampled:
    """Inputs that vary in time, by samples of them: straight lines between, the first before and the last after.

    Attributes:
        times: ascending, in the unit of the time constants, (k,); a time that is there twice is a jump.
        x: inputs at these times as the user has them, (k, samples, ...).

    Raises:
        InputError: times out of order, or another number of inputs than of times.
    """

    times: ArrayLike
    x: ArrayLike

    def __post_init__(self) -> None:
        times, x = _numbers("times", self.times), _numbers("x", self.x)
        if times.ndim != 1 or len(times) == 0:
            raise InputError(f"times: of shape {times.shape}: must be a flat sequence of at least one")
        if (np.diff(times) < 0).any() or (times[2:] == times[:-2]).any():
            raise InputError("times: must be in ascending order, none of them more than twice")
        if x.ndim < 2 or len(x) != len(times):
            raise InputError(
                f"x: of shape {x.shape}: must be ({len(times)}, samples, ...), inputs for each of the times"
            )
        object.__setattr__(self, "times", times)
        object.__setattr__(self, "x", x)

    def __call__(self, t: float) -> Array:
        """Return the inputs of a time, (samples, ...)."""
        times, x = np.asarray(self.times), np.asarray(self.x)
        after = int(np.searchsorted(times, t, "right"))
        if after in (0, len(times)):
            return x[0 if after == 0 else -1]
        share = (t - times[after - 1]) / (times[after] - times[after - 1])
        return (1 - share) * x[after - 1] + share * x[after]


def _numbers(name: str, values: ArrayLike) -> NDArray[np.float64]:
    """Values as finite floats.

    Raises:
        InputError: they are none.
    """
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name}: must be an array of numbers ({error})") from error
    if not np.isfinite(array).all():
        raise InputError(f"{name}: must be finite numbers")
    return array


def simulate(
    network: Network,
    x: ArrayLike | Callable[[float], ArrayLike],
    target: ArrayLike,
    *,
    beta: float = 1.0,
    solver: str | Tableau | SolverSettings = "dopri5",
    duration: tuple[float, float] | None = None,
    noise: float = 0.0,
    loop_delay: float = 0.0,
    seed: int = 0,
    jumps: ArrayLike = (),
) -> Simulation:
    """Integrate the free phase of samples from rest, and the clamped phase from where that ends.

    Args:
        network: with its weights.
        x: inputs as the user has them, (samples, ...); or inputs that vary in time, as a function of the time since the
            beginning of the free phase or `Sampled`, which need a duration. dopri5 may step over what is short in a
            function, unless `jumps` name it, but not in samples.
        target: classes, whole numbers (samples,), or d of Eq. 13, floats (samples, outputs).
        beta: nudging strength.
        solver: an integrator, or its name in `METHODS`, or `InTime`.
        duration: of the free and of the clamped phase, in the unit of the time constants; by default twice what the
            slowest sample takes to rest.
        noise: standard deviation of a white noise current into every neuron, over a unit of time; it needs a duration,
            and euler or heun as solver.
        loop_delay: time after which the outputs reach the layers below, a multiple of the solver's step; likewise.
        seed: of the noise.
        jumps: times at which x, a function of time, jumps, (any,).

    Raises:
        InputError: an argument that cannot be used.
        RunFailure: the integration broke off.
    """
    require_network(network)
    require_number("beta", beta, -1 / network.slowest, open_low=True)
    require_whole("seed", seed, 0)
    duration = _duration(duration)
    in_time = solver if isinstance(solver, SolverSettings) else InTime(solver)
    if in_time.sweeps:
        raise InputError(f"solver = {in_time.method!r}: has no time: give the name of an integrator")
    for name, value in (("noise", noise), ("loop_delay", loop_delay)):
        require_number(name, value, 0.0)
        if value and (duration is None or in_time.method not in STEPPED):
            raise InputError(f"{name} = {value!r}: needs a duration, and one of {', '.join(STEPPED)} as solver")
    require_multiple("loop_delay", loop_delay, "the solver's step", in_time.step)
    if callable(x) and duration is None:
        raise InputError("x: varies in time, so that a phase does not come to rest: give a duration")
    inputs = _inputs(network, x)
    sweeps = LayerSweeps(network)
    d = _targets(network, target, len(inputs(0.0) if callable(inputs) else inputs))
    kinks = np.asarray(x.times) if isinstance(x, Sampled) else _numbers("jumps", jumps)
    conditions = Conditions(
        PhaseSettings(*duration or ()), DeviceSettings(noise=noise, loop_delay=loop_delay), seed, kinks
    )
    courses = time_courses(sweeps, inputs, d, beta, in_time, conditions)
    return simulation_of(network, courses)


def simulation_of(network: Network, courses: TimeCourses) -> Simulation:
    """The simulation that time courses are of."""
    phases = [phase.energy for phase in (courses.free, courses.clamped) if phase.energy is not None]
    states = courses.states
    energy = np.concatenate(phases) if phases else None
    return Simulation(courses.times, courses.nudged, states, network.rates_of(states), courses.residual, energy)


def _duration(duration: Any) -> tuple[float, float] | None:
    """Two positive numbers, or none."""
    if duration is None:
        return None
    given = tuple(duration) if isinstance(duration, Sequence) and not isinstance(duration, str) else ()
    if len(given) != 2:
        raise InputError(f"duration = {duration!r}: must be two times, such as (20.0, 10.0): free and clamped")
    for time in given:
        require_number("duration", time, 0.0, open_low=True)
    return float(given[0]), float(given[1])


def _inputs(network: Network, x: ArrayLike | Callable[[float], ArrayLike]) -> Inputs:
    if not callable(x):
        return network_inputs(network, x)
    samples = len(network_inputs(network, x(0.0)))

    def inputs(t: float) -> Array:
        found = network_inputs(network, x(t))
        if len(found) != samples:
            raise InputError(f"x: has {len(found)} samples at t = {t:g}: must be {samples}, as at the beginning")
        return found

    return inputs


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
