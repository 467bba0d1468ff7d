"""One phase by any solver: layer sweeps to the fixed point, or Eq. 13 integrated in time until it rests."""

from collections.abc import Sequence

import numpy as np

from ctsigprop.continuous.dynamics import field_of, flatten, layers_of
from ctsigprop.continuous.equilibrium import Equilibrium, LayerSweeps
from ctsigprop.continuous.network import Array, Network, Nudge
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
) -> Equilibrium:
    """Brings every sample of a batch to its fixed point.

    Args:
        sweeps: of the network.
        drive: constant inputs of the phase, from `LayerSweeps.drive`.
        start: states of layers 1 to N to start from, each (samples, units).
        solver: method and tolerance; an integrator runs until the batch rests, at most `solver.longest`.
        nudge: the clamped phase's pull; none in the free phase.
    """
    network, samples = sweeps.network, len(start[0])
    if solver.sweeps or samples == 0:
        return sweeps.solve(drive, sweeps.unknowns(start), solver, nudge)
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


def integrate_phase(
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    start: Sequence[Array],
    solver: SolverSettings,
    nudge: Nudge | None,
    *,
    duration: float,
    rest: float | None = None,
    times: Array | None = None,
) -> Result:
    """Integrates Eq. 13 for one phase.

    Args:
        sweeps: of the network.
        drive: constant inputs of the phase.
        start: states of layers 1 to N at time 0, each (samples, units).
        solver: an integrator as method, its step, and the tolerance of dopri5's steps.
        nudge: the clamped phase's pull; none in the free phase.
        duration: time to integrate, in the unit of the network's time constant.
        rest: stop where no neuron moves faster than this.
        times: at which the flat state is wanted, (k,).
    """
    network = sweeps.network
    samples = len(start[0])
    field, parameters, layout = field_of(network, drive, samples, nudge)
    low, high = _bounds(network, samples)
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
    )


def _bounds(network: Network, samples: int) -> tuple[float | Array, float | Array]:
    """Bounds of the flat state: two numbers where all layers have the same."""
    if len({rho.bounds for rho in network.rhos}) == 1:
        return network.rhos[0].bounds
    layers = zip(network.rhos, network.sizes[1:], strict=True)
    low, high = np.concatenate(
        [np.tile(np.array(rho.bounds)[:, None], samples * units) for rho, units in layers], axis=1
    )
    return low, high
