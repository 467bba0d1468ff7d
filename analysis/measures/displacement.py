"""How far nudging moves the rates of every layer, and what slopes they have, sample by sample."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.learning.phases import Batch, Contrast, contrast, unconverged
from ctsigprop.continuous.network import Array, Network
from ctsigprop.continuous.samples import Samples
from ctsigprop.continuous.trained import Trained


@dataclass(frozen=True, eq=False)
class Displacement:
    """Some samples at their free equilibria, and what nudging does to them.

    Attributes:
        rates: what it changes, for layers 1 to N, each (moved, units), of the samples whose outputs it moves.
        slopes: of the free equilibria of all samples, see `Network.slopes_of`.
        at_rest: rates of the same.
        unconverged: phases, free and clamped, that ended above the solver's tolerance.
    """

    rates: tuple[Array, ...]
    slopes: Sequence[Array]
    at_rest: Sequence[Array]
    unconverged: int


def displacement(trained: Trained, samples: int) -> Displacement:
    """Return rates in the clamped phase less those in the free one (centered nudging: in the other clamped one).

    Args:
        trained: its nudging and solver are the run's.
        samples: use the first N of the test set.
    """
    settings, network = trained.settings, trained.network
    test = Samples.of(trained.data, trained.data.test.rows(slice(samples)), network)
    sweeps = LayerSweeps(network)
    signs = np.random.default_rng(settings.training.seed)
    how = settings.nudging, settings.solver, signs, None, settings.phases, settings.device
    batch = Batch.relaxed(sweeps, test.inputs, test.targets, *how)
    pair = contrast(batch)
    slopes = network.slopes_of(batch.free.states)
    at_rest = network.rates_of(batch.free.states)
    return Displacement(rate_changes(network, pair), slopes, at_rest, unconverged(batch.free, pair, settings.tolerance))


def rate_changes(network: Network, pair: Contrast) -> tuple[Array, ...]:
    """Return the rates at the nudged equilibria less those at the others, for layers 1 to N, each (moved, units)."""
    high, low = network.rates_of(pair.plus), network.rates_of(pair.minus)
    return tuple(plus - minus for plus, minus in zip(high, low, strict=True))
