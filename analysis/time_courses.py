"""The free and then the clamped phase of chosen samples in continuous time (paper, Eq. 13)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.dynamics import energy, layers_of
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array, Network, Nudge
from ctsigprop.continuous.relaxation import REST, integrate_phase, relax
from ctsigprop.errors import RunFailure
from ctsigprop.settings import SolverSettings
from ctsigprop.solvers import Result, Status

POINTS = 201
SHORTEST = 5.0


@dataclass(frozen=True, eq=False)
class Course:
    """One phase of a batch in time.

    Attributes:
        times: from 0 to where every sample rests, at least SHORTEST and at most solver.longest, (points,).
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
    sweeps: LayerSweeps, inputs: Array, target: Array, beta: float, solver: SolverSettings
) -> TimeCourses:
    """Integrates the free phase from zero, and the phase clamped at `beta` from where that ends.

    Args:
        sweeps: of the network.
        inputs: (samples, features).
        target: d of Eq. 13, (samples, classes).
        beta: nudging strength.
        solver: an integrator as method.

    Raises:
        RunFailure: the integration broke off.
    """
    drive, samples = sweeps.drive(inputs), len(inputs)
    free = _course(sweeps, drive, sweeps.at_rest(samples), solver, None)
    nudge = Nudge(np.full(samples, beta, target.dtype), target)
    return TimeCourses(free, _course(sweeps, drive, free.end, solver, nudge))


def _course(
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    start: tuple[Array, ...],
    solver: SolverSettings,
    nudge: Nudge | None,
) -> Course:
    """The phase is integrated twice: to find when it rests, and then to see it at evenly spaced times."""
    longest = solver.longest
    until_rest = integrate_phase(
        sweeps, drive, start, solver, nudge, duration=longest, rest=REST * solver.tolerance
    )
    _refuse_broken(until_rest, solver)
    duration = min(longest, max(until_rest.time, SHORTEST / sweeps.network.leak))
    times = np.linspace(0, duration, POINTS)
    seen = integrate_phase(sweeps, drive, start, solver, nudge, duration=duration, times=times)
    _refuse_broken(seen, solver)
    states = layers_of(sweeps.network, seen.states)
    moments = [tuple(layer[point] for layer in states) for point in range(POINTS)]
    residual = np.stack([_residual(sweeps, drive, moment, nudge) for moment in moments])
    descends = _has_energy(sweeps.network)
    return Course(
        times,
        states,
        residual,
        np.stack([energy(sweeps.network, drive, moment, nudge) for moment in moments]) if descends else None,
        rest_times(times, residual, solver.tolerance),
        _miss(sweeps, drive, start, moments[-1], solver, nudge),
    )


def rest_times(times: Array, residual: Array, tolerance: float) -> NDArray[np.float64]:
    """The time since when each column of `residual` has stayed within the tolerance; NaN where its last has not.

    Args:
        times: ascending, (points,).
        residual: (points, samples); NaN counts as within.
        tolerance: the largest residual at rest.
    """
    later = [*times[1:], np.nan]
    above = residual > tolerance
    return np.array([later[np.flatnonzero(column)[-1]] if column.any() else times[0] for column in above.T])


def _residual(
    sweeps: LayerSweeps, drive: Sequence[Array], states: Sequence[Array], nudge: Nudge | None
) -> NDArray[np.float64]:
    active = np.any([layer.any(axis=1) for layer in states], axis=0)
    with np.errstate(over="ignore"):  # where the state is zero
        _, residual = sweeps.balance_of(drive, states, nudge)
    return np.where(active, residual, np.nan)


def _miss(
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    start: Sequence[Array],
    end: Sequence[Array],
    solver: SolverSettings,
    nudge: Nudge | None,
) -> NDArray[np.float64]:
    swept = relax(sweeps, drive, start, replace(solver, method="anderson"), nudge).states
    return np.max([np.abs(a - b).max(axis=1) for a, b in zip(end, swept, strict=True)], axis=0)


def _has_energy(network: Network) -> bool:
    return all(connection.symmetric or connection.source == 0 for connection in network.connections)


def _refuse_broken(result: Result, solver: SolverSettings) -> None:
    """Passes a solve that reached its end or came to rest, or ran as long as it may."""
    if result.status not in (Status.SUCCESS, Status.NOT_CONVERGED):
        raise RunFailure(f"solver.method = {solver.method!r}: {result.status.sentence}")
