"""A phase that ends after a time, step by step: with noise, with outputs that come late, with weights that move."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ctsigprop.continuous.dynamics import Drive, bounds_of, flatten, layers_of, plain_field
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array, Nudge
from ctsigprop.settings import SolverSettings
from ctsigprop.settings.continuous import STEPPED
from ctsigprop.settings.device import DeviceSettings, PhaseSettings
from ctsigprop.solvers import StochasticResult, integrate_stochastic


@dataclass(frozen=True)
class Timed:
    """A phase that ends after a time.

    Attributes:
        duration: in the unit of the network's time constant.
        noise: standard deviation of a white noise current into every neuron, over a unit of time.
        window: share of the phase, at its end, over which states are averaged where there is noise.
        loop_delay: time after which the outputs reach the layers below; before that these see the outputs that the
            phase began with.
        seed: of the noise.
    """

    duration: float
    noise: float = 0.0
    window: float = 0.5
    loop_delay: float = 0.0
    seed: int = 0


def timed_phase(
    phases: PhaseSettings, device: DeviceSettings, duration: float | None, rng: np.random.Generator
) -> Timed | None:
    """The free or the clamped phase of a run, by its duration; None where it comes to rest.

    Args:
        phases: of the run.
        device: of the run.
        duration: of the phase.
        rng: that draws the seed of its noise.
    """
    if duration is None:
        return None
    seed = int(rng.integers(2**63)) if device.noise else 0
    return Timed(duration, device.noise, phases.window, device.loop_delay, seed)


def step_phase(
    sweeps: LayerSweeps,
    drive: Drive,
    start: Sequence[Array],
    solver: SolverSettings,
    nudge: Nudge | None,
    timed: Timed,
    *,
    times: Array | None = None,
    after_step: Callable[[float, Array], None] | None = None,
) -> StochasticResult:
    """Follow a phase step by step, with noise, with outputs that come late, or with weights that move meanwhile.

    Args:
        sweeps: of the network.
        drive: inputs of the phase.
        start: states of layers 1 to N at time 0, each (samples, units).
        solver: euler or heun as method, and its step.
        nudge: the clamped phase's pull; none in the free phase.
        timed: its duration, noise and delay.
        times: at which the flat state is wanted, (k,).
        after_step: called with the time and the flat state at the end of each step.
    """
    network, samples = sweeps.network, len(start[0])
    past = _Past(network.rhos[-1].rates(start[-1]).copy(), timed.loop_delay, solver.step)
    noise = np.full(samples * sum(network.sizes[1:]), timed.noise)
    if nudge is not None and np.isinf(nudge.beta).any():  # what is held does not move
        noise[-samples * network.sizes[-1] :] = 0

    def note(t: float, y: Array) -> None:
        past.add(network.rhos[-1].rates(layers_of(network, y)[-1]).copy())
        if after_step is not None:
            after_step(t, y)

    low, high = bounds_of(network, samples)
    return integrate_stochastic(
        plain_field(network, drive, nudge, past.at if timed.loop_delay else None),
        flatten(start),
        (0.0, timed.duration),
        noise=noise,
        step=solver.step,
        seed=timed.seed,
        method=STEPPED[solver.method],
        times=times,
        average_from=(1 - timed.window) * timed.duration,
        lower=low,
        upper=high,
        after_step=note if timed.loop_delay else after_step,
    )


class _Past:
    """Output rates at the ends of steps, for layers that see them late."""

    def __init__(self, rates: Array, delay: float, step: float) -> None:
        self._delay, self._step = delay, step
        self._known = deque([rates], maxlen=round(delay / step) + 2)
        self._first = 0

    def add(self, rates: Array) -> None:
        """Those of one more step."""
        if len(self._known) == self._known.maxlen:
            self._first += 1
        self._known.append(rates)

    def at(self, t: float) -> Array:
        """Those of a delay before `t`, which is at the beginning or the end of a step."""
        return self._known[max(0, round((t - self._delay) / self._step) - self._first)]
