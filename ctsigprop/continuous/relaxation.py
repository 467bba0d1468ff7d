"""One phase by any solver: layer sweeps to the fixed point, or Eq. 13 in time, until it rests or for a while."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ctsigprop.continuous.dynamics import Drive, bounds_of, field_of, flatten, layers_of
from ctsigprop.continuous.equilibrium import Equilibrium, LayerSweeps
from ctsigprop.continuous.network import Array, Nudge
from ctsigprop.continuous.stepping import Timed, step_phase
from ctsigprop.settings import SolverSettings
from ctsigprop.solvers import METHODS, Result, Status, integrate

MOST_STEPS = 1_000_000
# Fractions of the tolerance: the speed of a state at rest, and the error of a step of dopri5. Close to rest its steps
# grow to the edge of stability and the state trembles by some ten step errors, which must stay below the speed of rest.
REST = 0.1
STEP_ERROR = 0.003
FINEST = 16


def relax(
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    start: Sequence[Array],
    solver: SolverSettings,
    nudge: Nudge | None = None,
    timed: Timed | None = None,
    tolerance: Array | None = None,
) -> Equilibrium:
    """Brings every sample of a batch to its fixed point, or through a phase that ends after a time.

    Args:
        sweeps: of the network.
        drive: constant inputs of the phase, from `LayerSweeps.drive`.
        start: states of layers 1 to N to start from, each (samples, units).
        solver: method and tolerance; an integrator runs until the batch rests, at most `solver.longest`.
        nudge: the clamped phase's pull; none in the free phase.
        timed: of a phase that ends after a time, whether it has come to rest or not.
        tolerance: of each sample, (samples,), where sweeps are to go below the solver's.
    """
    samples = len(start[0])
    if timed is not None and samples:
        return _after(timed, sweeps, drive, start, solver, nudge)
    if solver.sweeps or samples == 0:
        found = sweeps.solve(drive, sweeps.unknowns(start), solver, nudge, tolerance)
        return _in_time(found, sweeps, drive, start, solver, nudge) if found.status is Status.NOT_CONVERGED else found
    return _rested(sweeps, drive, start, solver, nudge)


def _in_time(
    found: Equilibrium,
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    start: Sequence[Array],
    solver: SolverSettings,
    nudge: Nudge | None,
) -> Equilibrium:
    """Integrate the samples that sweeps have brought nowhere: a state to which time leads is stable in time alone.

    What does not come to rest in time either stays as sweeps have left it.
    """
    lost = np.flatnonzero(~(found.residual <= solver.tolerance))
    if solver.method != "anderson" or not solver.rescue or not len(lost):
        return found
    own_drive = [layer[lost] if len(layer) > 1 else layer for layer in drive]
    begin = [layer[lost] for layer in start]
    by_time = replace(solver, method="dopri5")
    rested = _rested(sweeps, own_drive, begin, by_time, None if nudge is None else nudge[lost])
    better = rested.residual <= solver.tolerance
    rows = lost[better]
    for layer, own in zip((*found.states, found.output_net), (*rested.states, rested.output_net), strict=True):
        layer[rows] = own[better]
    found.residual[rows] = rested.residual[better]
    found.sweeps[lost] += rested.sweeps
    return replace(found, status=Status.SUCCESS if better.all() else found.status)


def _rested(
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    start: Sequence[Array],
    solver: SolverSettings,
    nudge: Nudge | None,
) -> Equilibrium:
    """Integrate a phase until the batch rests."""
    network, samples = sweeps.network, len(start[0])
    rest = REST * solver.tolerance / network.slowest
    result = integrate_phase(sweeps, drive, start, solver, nudge, duration=solver.longest, rest=rest)
    states = layers_of(network, result.y)
    output_net, residual = sweeps.balance_of(drive, states, nudge)
    rested = bool((residual <= solver.tolerance).all())
    failed = Status.NOT_CONVERGED if result.status is Status.SUCCESS else result.status
    return Equilibrium(
        states,
        output_net,
        np.full(samples, result.evaluations),
        residual,
        Status.SUCCESS if rested else failed,
    )


def _after(
    timed: Timed,
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    start: Sequence[Array],
    solver: SolverSettings,
    nudge: Nudge | None,
) -> Equilibrium:
    """Where a phase has come to after a time; without noise its last states, else their mean over the window."""
    network, samples = sweeps.network, len(start[0])
    if not all(np.isfinite(layer).all() for layer in start):
        nowhere = np.full(samples, np.nan, network.dtype)
        return Equilibrium(tuple(start), start[-1], np.zeros(samples, np.int64), nowhere, Status.NOT_FINITE)
    if timed.noise or timed.loop_delay:
        result = step_phase(sweeps, drive, start, solver, nudge, timed)
        evaluations, status, end = result.evaluations, result.status, result.mean if timed.noise else result.y
    else:
        plain = integrate_phase(sweeps, drive, start, solver, nudge, duration=timed.duration)
        evaluations, status, end = plain.evaluations, plain.status, plain.y
    states = layers_of(network, end)
    output_net, residual = sweeps.balance_of(drive, states, nudge)
    return Equilibrium(states, output_net, np.full(samples, evaluations), residual, status)


def integrate_phase(
    sweeps: LayerSweeps,
    drive: Drive,
    start: Sequence[Array],
    solver: SolverSettings,
    nudge: Nudge | None,
    *,
    duration: float,
    rest: float | None = None,
    times: Array | None = None,
    jumps: Array | None = None,
) -> Result:
    """Integrates Eq. 13 for one phase.

    Args:
        sweeps: of the network.
        drive: inputs of the phase.
        start: states of layers 1 to N at time 0, each (samples, units).
        solver: an integrator as method, its step, and the tolerance of dopri5's steps.
        nudge: the clamped phase's pull; none in the free phase.
        duration: time to integrate, in the unit of the network's time constant.
        rest: stop where no neuron moves faster than this.
        times: at which the flat state is wanted, (k,).
        jumps: times at which the drive has a kink or a jump.
    """
    network = sweeps.network
    samples = len(start[0])
    field, parameters, layout = field_of(network, drive, samples, nudge)
    low, high = bounds_of(network, samples)
    exact_leak = METHODS[solver.method].exact_leak
    step_error = max(STEP_ERROR * solver.tolerance, FINEST * np.finfo(network.dtype).eps)
    return integrate(
        field,
        flatten(start),
        (0.0, duration),
        method=solver.method,
        parameters=parameters,
        layout=layout,
        step=solver.step if solver.fixed_step else None,
        rtol=step_error,
        atol=step_error,
        leak=flatten([np.tile(leak, (samples, 1)) for leak in network.leaks]) if exact_leak else None,
        lower=low,
        upper=high,
        max_steps=MOST_STEPS,
        residual_tolerance=rest,
        times=times,
        jumps=jumps,
    )
