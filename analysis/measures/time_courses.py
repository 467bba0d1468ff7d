"""The free and then the clamped phase of chosen samples in continuous time (paper, Eq. 13)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.dynamics import Drive, energy, layers_of
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array, Nudge
from ctsigprop.continuous.relaxation import REST, integrate_phase, relax
from ctsigprop.continuous.stepping import Timed, step_phase
from ctsigprop.errors import RunFailure
from ctsigprop.settings import SolverSettings
from ctsigprop.settings.device import IDEAL, TO_REST, DeviceSettings, PhaseSettings
from ctsigprop.solvers import Result, Status, StochasticResult

Inputs = Array | Callable[[float], Array]
"""Of some samples, (samples, features): constant, or of the time since the beginning of the free phase."""


@dataclass(frozen=True, eq=False)
class Conditions:
    """How phases are followed.

    Attributes:
        phases: how long they last; those that rest, BEYOND times what the slowest sample takes.
        device: what it does to phases, noise and delay; what it does to the network is done.
        seed: of the noise.
        jumps: times from the beginning of the free phase at which the inputs have a kink or a jump, (any,).
    """

    phases: PhaseSettings = TO_REST
    device: DeviceSettings = IDEAL
    seed: int = 0
    jumps: Array = field(default_factory=lambda: np.empty(0))


UNTIL_REST = Conditions()

POINTS = 201
SHORTEST, BEYOND = 10.0, 2.0
SOONEST = 0.01  # time constants after which a trial looks first

BROKEN_OFF = {
    Status.STEP_CAP: "its steps are too many: raise solver.tolerance, or lower solver.longest",
    Status.NOT_FINITE: "the states are no longer finite: {step}lower nudging.beta",
    Status.STEP_UNDERFLOW: "its steps have become too small: raise solver.tolerance, or use exponential_euler",
}


@dataclass(frozen=True, eq=False)
class Course:
    """One phase of a batch in time.

    Attributes:
        times: from 0 to BEYOND times what the slowest sample takes to rest, (points,).
        states: of layers 1 to N, each (points, samples, units).
        residual: relative residual |F(s) - s| / |s|, (points, samples); NaN where the state is zero.
        energy: E + beta C, (points, samples); none where a link between neurons is directed.
        rest: since when a sample's residual has stayed within the tolerance, (samples,); NaN for never.
        miss: largest difference of a sample's last state from the fixed point that sweeps find, (samples,).
    """

    times: NDArray[np.float64]
    states: tuple[Array, ...]
    residual: NDArray[np.float64]
    energy: Array | None
    rest: NDArray[np.float64]
    miss: NDArray[np.float64]

    @property
    def end(self) -> tuple[Array, ...]:
        """States at the last time, each (samples, units)."""
        return tuple(layer[-1] for layer in self.states)


@dataclass(frozen=True, eq=False)
class TimeCourses:
    """Both phases; joined, they have the moment of nudging twice, before and after.

    Attributes:
        free: the free phase.
        clamped: the clamped phase, whose times begin at 0 again.
    """

    free: Course
    clamped: Course

    @property
    def nudged(self) -> float:
        """When the free phase ends and the nudge begins."""
        return float(self.free.times[-1])

    @property
    def times(self) -> NDArray[np.float64]:
        """From the beginning of the free phase, (2 points,)."""
        return np.concatenate([self.free.times, self.nudged + self.clamped.times])

    @property
    def states(self) -> tuple[Array, ...]:
        """Of layers 1 to N, each (2 points, samples, units)."""
        phases = zip(self.free.states, self.clamped.states, strict=True)
        return tuple(np.concatenate(layer) for layer in phases)

    @property
    def residual(self) -> NDArray[np.float64]:
        """Each phase's own, (2 points, samples)."""
        return np.concatenate([self.free.residual, self.clamped.residual])


def time_courses(
    sweeps: LayerSweeps,
    inputs: Inputs,
    target: Array,
    beta: float,
    solver: SolverSettings,
    conditions: Conditions = UNTIL_REST,
) -> TimeCourses:
    """Integrate the free phase from zero, and the phase clamped at `beta` from where that ends.

    Args:
        sweeps: of the network.
        inputs: see `Inputs`; those that vary in time need a duration.
        target: d of Eq. 13, (samples, classes).
        beta: nudging strength.
        solver: an integrator as method.
        conditions: of both phases; noise and delay need a duration, and euler or heun as method.

    Raises:
        RunFailure: the integration broke off.
    """
    samples = len(target)
    seeds = np.random.SeedSequence(conditions.seed).generate_state(2, np.uint64).tolist()
    how = _drive(sweeps, inputs, 0.0), sweeps.at_rest(samples), solver
    free = _course(_Phase(sweeps, *how, None, replace(conditions, seed=seeds[0])), conditions.phases.free)
    nudge = Nudge(np.full(samples, beta, target.dtype), target)
    begin = float(free.times[-1])
    how = _drive(sweeps, inputs, begin), free.end, solver
    later = replace(conditions, seed=seeds[1], jumps=conditions.jumps - begin)
    return TimeCourses(free, _course(_Phase(sweeps, *how, nudge, later), conditions.phases.clamped))


def _drive(sweeps: LayerSweeps, inputs: Inputs, begin: float) -> Drive:
    """What drives a phase that begins at a time."""
    if callable(inputs):
        return lambda t: sweeps.drive(inputs(begin + t))
    return sweeps.drive(inputs)


def rest_times(times: Array, residual: Array, tolerance: float) -> NDArray[np.float64]:
    """Return the time from which each column of `residual` stays within the tolerance; NaN if it ends above.

    Args:
        times: ascending, (points,).
        residual: (points, samples); NaN counts as within.
        tolerance: the largest residual at rest.
    """
    later = [*times[1:], np.nan]
    above = residual > tolerance
    return np.array([later[np.flatnonzero(column)[-1]] if column.any() else times[0] for column in above.T])


@dataclass(frozen=True, eq=False)
class _Phase:
    """What is to be integrated: a network's phase from a start, and how."""

    sweeps: LayerSweeps
    drive: Drive
    start: Sequence[Array]
    solver: SolverSettings
    nudge: Nudge | None
    conditions: Conditions = UNTIL_REST

    @property
    def fine(self) -> SolverSettings:
        """The solver at a tolerance that leaves its errors below those that the run allows itself."""
        return replace(self.solver, tolerance=REST * self.solver.tolerance)

    def integrated(
        self, times: Array, rest: float | None = None
    ) -> tuple[Result | StochasticResult, list[tuple[Array, ...]]]:
        """Return the result, and the states of layers 1 to N at each of its times, which begin at 0."""
        duration = float(times[-1])
        result: Result | StochasticResult
        how = self.sweeps, self.drive, self.start, self.fine, self.nudge
        under = self.conditions
        if under.device.stepped:
            timed = Timed(duration, under.device.noise, loop_delay=under.device.loop_delay, seed=under.seed)
            result = step_phase(*how, timed, times=times)
        else:
            result = integrate_phase(*how, duration=duration, rest=rest, times=times, jumps=under.jumps)
        if reason := BROKEN_OFF.get(result.status):
            step = f"take smaller steps than solver.step = {self.solver.step:g}, or " if self.solver.fixed_step else ""
            raise RunFailure(f"solver.method = {self.solver.method!r}: {reason.format(step=step)}")
        layers = layers_of(self.sweeps.network, result.states)
        return result, [tuple(layer[point] for layer in layers) for point in range(len(result.times))]

    def drive_at(self, t: float) -> Sequence[Array]:
        """What drives the layers at a time of the phase."""
        return self.drive(t) if callable(self.drive) else self.drive

    def residual(self, t: float, states: Sequence[Array]) -> NDArray[np.float64]:
        """Of each sample; NaN where its state is zero."""
        active = np.any([layer.any(axis=1) for layer in states], axis=0)
        _, residual = self.sweeps.balance_of(self.drive_at(t), states, self.nudge)
        return np.where(active, residual, np.nan)

    def miss(self, t: float, end: Sequence[Array]) -> NDArray[np.float64]:
        """Largest difference of each sample's states from the fixed point that sweeps find, of the drive of a time."""
        sweeping = replace(self.fine, method="anderson")
        swept = relax(self.sweeps, self.drive_at(t), self.start, sweeping, self.nudge).states
        return np.max([np.abs(a - b).max(axis=1) for a, b in zip(end, swept, strict=True)], axis=0)


def _course(phase: _Phase, duration: float | None) -> Course:
    """Return the phase at evenly spaced times, for a time or, where none is given, until it has rested for a while."""
    network, solver = phase.sweeps.network, phase.solver
    result, moments = phase.integrated(np.linspace(0, duration or _time_to_show(phase), POINTS))
    times = result.times.tolist()
    residual = np.stack([phase.residual(t, moment) for t, moment in zip(times, moments, strict=True)])
    descends = all(connection.symmetric or connection.source == 0 for connection in network.connections)
    return Course(
        result.times,
        layers_of(network, result.states),
        residual,
        np.stack(
            [energy(network, phase.drive_at(t), moment, phase.nudge) for t, moment in zip(times, moments, strict=True)]
        )
        if descends
        else None,
        rest_times(result.times, residual, solver.tolerance),
        phase.miss(times[-1], moments[-1]),
    )


def _time_to_show(phase: _Phase) -> float:
    """BEYOND times what the slowest sample takes to rest, found by integrating once."""
    network, solver = phase.sweeps.network, phase.solver
    soonest = min(SOONEST * network.slowest, solver.longest)
    trial_times = np.append(0, np.geomspace(soonest, solver.longest, POINTS - 1))  # rest may come at any scale
    trial, moments = phase.integrated(trial_times, phase.fine.tolerance / network.slowest)
    residuals = [phase.residual(t, moment) for t, moment in zip(trial.times.tolist(), moments, strict=True)]
    rest = rest_times(trial.times, np.stack(residuals), solver.tolerance).max()
    shown = trial.time if np.isnan(rest) else min(trial.time, BEYOND * rest)
    return min(solver.longest, max(shown, SHORTEST * network.slowest))
