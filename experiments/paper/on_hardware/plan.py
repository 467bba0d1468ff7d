"""Which runs are set beside one another: an axis of the device at a time, three ways back, several seeds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ctsigprop.experiments.cli.flags import Values, merged
from ctsigprop.settings import Settings
from ctsigprop.settings.config import settings_from
from ctsigprop.settings.rates import SLOW_FEEDBACK_RATE, SLOW_FIRST_RATE, plain_rates

ARCHITECTURES = {
    "sigprop_loop": "signal propagation",
    "symmetric_ep": "symmetric EP",
    "random_feedback_ep": "random-feedback EP",
}
TIMED: Values = {"solver": {"method": "euler", "step": 0.25}, "phases": {"free": 10.0, "clamped": 5.0}}
"""Phases that end after a time, for what can only be followed step by step."""


@dataclass(frozen=True)
class Axis:
    """A property of the device, and the values that it takes.

    Attributes:
        name: in words, with its unit; title of a panel and of a table's row.
        values: from the mildest to the harshest.
        settings: of a value, beside those that all runs share.
        timed: whether it is set beside phases that end after a time, not beside those that rest.
    """

    name: str
    values: Sequence[float]
    settings: Callable[[float], Values]
    timed: bool = False


@dataclass(frozen=True)
class Scale:
    """How large the comparison is.

    Attributes:
        shared: settings of all runs.
        seeds: of each cell.
        values: how many of an axis are taken, evenly spread over it.
    """

    shared: Values
    seeds: Sequence[int]
    values: int


def _device(name: str) -> Callable[[float], Values]:
    return lambda value: {"device": {name: int(value) if name.endswith("bits") else value}}


def _timed_device(name: str) -> Callable[[float], Values]:
    return lambda value: merged(TIMED, {"device": {name: value}})


def _lasting(time: float) -> Values:
    return merged(TIMED, {"phases": {"free": time, "clamped": time / 2}})


def _continual(factor: float) -> Values:
    rates = [factor * rate for rate in plain_rates(HIDDEN, SLOW_FIRST_RATE)]
    learning = {"rule": "continual", "rates": rates, "feedback_rate": factor * SLOW_FEEDBACK_RATE}
    return merged(TIMED, {"learning": learning})


HIDDEN = (128, 128)

AXES = (
    Axis("white noise current (SD over a unit of time)", (0.05, 0.1, 0.2, 0.4), _timed_device("noise"), timed=True),
    Axis("delay of the outputs (time constants)", (0.5, 1.0, 2.0, 4.0), _timed_device("loop_delay"), timed=True),
    Axis("free phase, twice the clamped one (time constants)", (16.0, 8.0, 4.0, 2.0, 1.0), _lasting, timed=True),
    Axis("weights that move within the phase (factor on the rates)", (0.3, 1.0, 3.0), _continual, timed=True),
    Axis("spread of what synapses deliver (SD)", (0.1, 0.2, 0.4, 0.8), _device("weight_spread")),
    Axis("spread of time constants (SD of the logarithm)", (0.1, 0.2, 0.4, 0.8), _device("time_constant_spread")),
    Axis("bits of what synapses deliver", (8, 6, 5, 4, 3), _device("weight_bits")),
    Axis("bits of what synapses store", (14, 12, 10, 8, 6), _device("update_bits")),
)

SCALES = {
    "full": Scale({"network": {"hidden": list(HIDDEN)}, "training": {"epochs": 6}}, (0, 1, 2), 5),
    "smoke": Scale({"data": {"limit": 300}, "network": {"hidden": list(HIDDEN)}, "training": {"epochs": 1}}, (0,), 2),
}
DIFFERENCES = {
    "full": [
        "not in the paper, which argues for hardware and simulates none",
        "digits, 64-128-128-10, 6 epochs: small enough for every axis and every seed",
    ],
    "smoke": ["300 samples of digits, one epoch, one seed, two values of each axis: too small to judge"],
}


@dataclass(frozen=True)
class Trial:
    """One run.

    Attributes:
        axis: its name; none of the ideal device's.
        value: of the axis.
        architecture: of the network.
        timed: whether its phases end after a time.
        settings: of the run.
    """

    axis: str
    value: float
    architecture: str
    timed: bool
    settings: Settings


def plan(scale: str, threads: int) -> Iterator[Trial]:
    """Return the runs in order: those of the ideal device, at rest and in time, and then axis by axis."""
    chosen = SCALES[scale]
    ideal = [Axis("", (0.0,), lambda value: {}), Axis("", (0.0,), lambda value: TIMED, timed=True)]
    for axis in (*ideal, *AXES):
        for value in taken(axis.values, chosen.values):
            for architecture in ARCHITECTURES:
                for seed in chosen.seeds:
                    own: Values = {
                        "network": {"architecture": architecture},
                        "training": {"seed": seed, "threads": threads},
                    }
                    settings = settings_from(merged(merged(chosen.shared, own), axis.settings(value)))
                    yield Trial(axis.name, value, architecture, axis.timed, settings)


def taken(values: Sequence[float], most: int) -> Sequence[float]:
    """Return at most so many of the values, the first and the last among them."""
    if len(values) <= most:
        return values
    return [values[round(place * (len(values) - 1) / (most - 1))] for place in range(most)]
