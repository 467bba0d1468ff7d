"""Learning rates that settings leave out: they follow depth, fan-in, nudging and optimizer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ctsigprop.settings.choices import OPTIMIZERS
from ctsigprop.settings.graph import ConnectionSettings, LayerSettings

if TYPE_CHECKING:
    from ctsigprop.settings.continuous import LearningSettings, NetworkSettings, NudgingSettings

FIRST_RATE, LAST_RATE, FEEDBACK_RATE = 4.0, 0.0075, 0.1
FAN_IN = 512
"""Units below the outputs for which LAST_RATE was measured; more of them move an output further in one update."""
MOST_LAST_RATES = 4.0
"""LAST_RATE is multiplied by no more than this, however few units are below the outputs."""

SLOW_FIRST_RATE, SLOW_FEEDBACK_RATE = 0.1, 0.01
"""Of continual learning: what weights do to rates within a phase is learned from once more, so that they must be slow
beside the rates' answer, 1 over the sum of squares of what drives them."""
MOST_STIFF = 100.0
"""Above this nudge the outputs are as good as held, and rates grow no further."""
WHOLE_STEPS = ("contrastive", "coupled", "exact")
"""Rules by which an output moves by d - o, twice as far as by Eq. 14 at beta = 1."""


def with_rates(
    network: "NetworkSettings", learning: "LearningSettings", nudging: "NudgingSettings"
) -> tuple["NetworkSettings", "LearningSettings"]:
    """The same settings with a number in place of every rate that they leave out."""
    constant = 1.0 if network.architecture == "graph" else network.time_constant
    factor = step_at_beta_1(nudging, constant) if learning.rule not in WHOLE_STEPS else 0.5

    def usual(plain: float) -> float:
        """A rate of the optimizer where plain steps at beta = 1 have this one."""
        return float(f"{OPTIMIZERS[learning.optimizer].rate(learning, factor * plain):.3g}")

    first, back = (SLOW_FIRST_RATE, SLOW_FEEDBACK_RATE) if learning.rule == "continual" else (FIRST_RATE, FEEDBACK_RATE)
    if network.architecture == "graph":
        return _rated_graph(network, usual, first, back), learning
    feedback = usual(back) if learning.feedback_rate is None else learning.feedback_rate
    rates = learning.rates or tuple(map(usual, plain_rates(network.layered, first)))
    return network, replace(learning, rates=rates, feedback_rate=feedback)


def step_at_beta_1(nudging: "NudgingSettings", time_constant: float = 1.0) -> float:
    """Factor on a rate that gives updates the size that they have at a beta of 1 over the time constant r.

    A nudged output o moves by beta (d - o) / (1 / r + beta), which Eq. 14 divides by beta: at a small beta an update is
    twice as large as there. Of both signs the mean is (d - o) / (1 - (r beta)^2), in units of r.
    """
    beta = nudging.beta * time_constant
    stiffness = {"positive": 1 + beta, "negative": 1 - beta}.get(nudging.kind, 1 - beta * beta)
    return min(max(stiffness, 0.0), MOST_STIFF) / 2


def plain_rates(hidden: Sequence[int], first: float = FIRST_RATE) -> tuple[float, ...]:
    """Rates of plain steps for each forward connection of a network with these hidden layers.

    Those of 512 hidden units on digits were found by measuring; for other depths what lies between is interpolated
    geometrically: an error that passes through more layers is smaller, and its layers' rates larger. One update moves
    an output by the rate times the sum of squares below it, so the last rate falls with the fan-in.
    """
    if not hidden:
        return (LAST_RATE,)
    last = LAST_RATE * min(MOST_LAST_RATES, FAN_IN / hidden[-1])
    steps = len(hidden)
    return (first, *(first * (last / first) ** (step / steps) for step in range(1, steps)), last)


def _rated_graph(
    network: "NetworkSettings", usual: Callable[[float], float], first: float, back: float
) -> "NetworkSettings":
    plain = plain_rates([layer.neurons for layer in network.layers[:-1]], first)

    def rated(one: ConnectionSettings) -> ConnectionSettings:
        if one.rate is not None or not 0 < one.target <= len(plain):
            return one
        return replace(one, rate=usual(plain[one.target - 1] if one.source < one.target else back))

    connections = tuple(rated(one) for one in network.connections)

    def biased(number: int, layer: LayerSettings) -> LayerSettings:
        if layer.bias_rate is not None:
            return layer
        below = (one.rate or 0.0 for one in connections if one.source < one.target == number)
        return replace(layer, bias_rate=next(below, 0.0))

    layers = tuple(biased(number, layer) for number, layer in enumerate(network.layers, start=1))
    return replace(network, layers=layers, connections=connections)
