"""How far nudging moves the rates of every layer, sample by sample."""

from dataclasses import dataclass

import numpy as np

from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.learning.phases import Contrast, contrast, unconverged
from ctsigprop.continuous.network import Array, Network
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.samples import Samples
from ctsigprop.continuous.trained import Trained


@dataclass(frozen=True, eq=False)
class Displacement:
    """What nudging does to some samples.

    Attributes:
        rates: what it changes, for layers 1 to N, each (moved, units), of the samples whose outputs it moves.
        unconverged: phases, free and clamped, that ended above the solver's tolerance.
    """

    rates: tuple[Array, ...]
    unconverged: int


def displacement(trained: Trained, samples: int) -> Displacement:
    """Rates in the clamped phase less those in the free one, or in the other clamped one where nudging is centered.

    Args:
        trained: its nudging and solver are the run's.
        samples: the first so many of the test set.
    """
    settings, network = trained.settings, trained.network
    test = Samples.of(trained.data, trained.data.test.rows(slice(samples)), network.dtype)
    sweeps = LayerSweeps(network)
    drive = sweeps.drive(test.inputs)
    free = relax(sweeps, drive, sweeps.at_rest(samples), settings.solver)
    signs = np.random.default_rng(settings.training.seed)
    pair = contrast(sweeps, drive, free, test.targets, settings.nudging, settings.solver, signs)
    return Displacement(rate_changes(network, pair), unconverged(free, pair, settings.solver.tolerance))


def rate_changes(network: Network, pair: Contrast) -> tuple[Array, ...]:
    """Rates at the nudged equilibria less those at the others, for layers 1 to N, each (moved, units)."""
    high, low = network.rates_of(pair.plus), network.rates_of(pair.minus)
    return tuple(plus - minus for plus, minus in zip(high, low, strict=True))
