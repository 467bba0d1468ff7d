"""What is measured of a network in training: signals, gradients and stability at the equilibria of some samples."""

import numpy as np

from ctsigprop.analysis.measures.alignment import sample_angles, summary
from ctsigprop.analysis.measures.displacement import rate_changes
from ctsigprop.analysis.measures.gradient import compare
from ctsigprop.analysis.measures.slope_angles import slope_angles
from ctsigprop.continuous.diagnostics.adjoint import adjoint
from ctsigprop.continuous.diagnostics.stability import decay, loop_gain
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.learning.phases import Batch, contrast, unconverged
from ctsigprop.continuous.network import Array, Network
from ctsigprop.errors import RunFailure
from ctsigprop.runs.rows import Probe, Stability
from ctsigprop.settings import Settings

STABILITY_SAMPLES = 16


def probe(network: Network, inputs: Array, target: Array, settings: Settings) -> Probe:
    """Measure a network at the free and clamped equilibria of some samples, and leave it unchanged.

    Stability is measured at the free equilibria of the first 16 samples.

    Args:
        network: in training or trained.
        inputs: the samples, (samples, features).
        target: d of Eq. 13, (samples, outputs).
        settings: of the run; its nudging and solver are used, and its seed draws the signs of random-sign nudging.

    Returns:
        samples: how many there are; moved: of them, by nudging; unconverged: phases that ended above the tolerance.
        signals: by angle, summary of `sample_angles` (degrees).
        slopes: by angle, summary of `slope_angles` (degrees).
        gradient: by parameter, from `compare`.
        stability: loop_gain, the largest; time_constant, the slowest (infinite where a displacement grows, None
            where none was found), in the unit of network.time_constant; oscillating, the fraction of samples whose
            slowest displacement oscillates.

    Raises:
        RunFailure: a state is no longer finite.
    """
    sweeps = LayerSweeps(network)
    signs = np.random.default_rng(settings.training.seed)
    how = settings.nudging, settings.solver, signs, None, settings.phases, settings.device
    batch = Batch.relaxed(sweeps, inputs, target, *how)
    free, pair = batch.free, contrast(batch)
    if not (np.isfinite(free.residual).all() and np.isfinite(pair.residual).all()):
        raise RunFailure("states are no longer finite: lower learning.rates or nudging.beta and train anew")
    signals = sample_angles(network, rate_changes(network, pair))
    slopes = slope_angles(network, network.slopes_of(free.states), network.rates_of(free.states))
    return {
        "samples": len(inputs),
        "moved": len(pair.rows),
        "unconverged": unconverged(free, pair, settings.tolerance),
        "signals": {name: summary(degrees) for name, degrees in signals.items()},
        "slopes": {name: summary(degrees) for name, degrees in slopes.items()},
        "gradient": compare(network, inputs, free.states, pair, adjoint(sweeps, free.states, target)),
        "stability": _stability(sweeps, free.states),
    }


def _stability(sweeps: LayerSweeps, states: tuple[Array, ...]) -> Stability:
    few = [layer[:STABILITY_SAMPLES] for layer in states]
    found = decay(sweeps, few)
    known = found.time_constant[~np.isnan(found.time_constant)]
    return {
        "loop_gain": float(loop_gain(sweeps, few).max()),
        "time_constant": float(known.max()) if len(known) else None,
        "oscillating": float(found.oscillating.mean()),
    }
