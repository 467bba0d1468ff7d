"""Continual equilibrium propagation: weights move during the clamped phase (Ernoult et al. 2020).

In each step of time they move by what the rates do in it, dw = rate / beta rho_i^0 (rho_j(t + dt) - rho_j(t)), of a
shared matrix rate / beta (rho_i rho_j(t + dt) - rho_i rho_j(t)). As the rate goes to 0 the sum tends to Eq. 14.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ctsigprop.continuous.dynamics import layers_of
from ctsigprop.continuous.learning.correlations import Correlations
from ctsigprop.continuous.learning.pace import Pace, move
from ctsigprop.continuous.learning.phases import Batch, Contrast, nudge_of
from ctsigprop.continuous.network import Array
from ctsigprop.continuous.stepping import step_phase, timed_phase

if TYPE_CHECKING:
    from ctsigprop.continuous.learning.rules import Rule


def continual_phase(batch: Batch, rule: "Rule", pace: Pace) -> Contrast:
    """Run the clamped phase of a batch and move the weights in each of its steps.

    Args:
        batch: at the end of its free phase.
        rule: of the terms of an update.
        pace: of the whole phase; weight decay is spread over its steps.
    """
    sweeps, network, free = batch.sweeps, batch.sweeps.network, batch.free.states
    nudge, timed = nudge_of(batch), timed_phase(batch.phases, batch.device, batch.phases.clamped, batch.rng)
    if timed is None:
        raise ValueError("phases.clamped: missing, continual learning needs a time")
    drive = [layer.copy() for layer in batch.drive]
    steps = max(1, round(timed.duration / batch.solver.step))
    of_step = replace(pace, weight_decay=pace.weight_decay / steps)
    weights = (1 / (nudge.beta * len(batch.target)))[:, None]
    at_rest = (batch.inputs, *(rate.copy() for rate in network.rates_of(free)))
    before = at_rest

    def learn_step(t: float, y: Array) -> None:
        nonlocal before
        now = (batch.inputs, *(rate.copy() for rate in network.rates_of(layers_of(network, y))))
        change = tuple((late - early) * weights for late, early in zip(now[1:], before[1:], strict=True))
        move(network, Correlations(at_rest, now, before, weights, change), rule, of_step)
        before = now
        for own, layer in zip(drive, sweeps.drive(batch.inputs), strict=True):
            own[...] = layer

    result = step_phase(sweeps, drive, free, batch.solver, nudge, timed, after_step=learn_step)
    states = layers_of(network, result.y)
    _, residual = sweeps.balance_of(drive, states, nudge)
    spent = np.full(len(batch.target), result.evaluations)
    return Contrast(np.arange(len(spent)), free, states, free, nudge.beta, spent, residual)
