"""Options of `fit`, as type checkers see them; their meaning and defaults are in its docstring."""

from collections.abc import Sequence
from os import PathLike
from typing import Literal, TypedDict

from ctsigprop.continuous.learning import Optimizer, Rule
from ctsigprop.library.named import Rates
from ctsigprop.runs.callbacks import Callback
from ctsigprop.settings import SolverSettings
from ctsigprop.settings.device import DeviceSettings, PhaseSettings
from ctsigprop.settings.discrete import Device
from ctsigprop.settings.training import Augmentation


class Options(TypedDict, total=False):
    """Of every family."""

    epochs: int
    batch_size: int
    seed: int
    threads: int
    decay: float
    keep: Sequence[int]
    callbacks: Sequence[Callback]
    run_dir: str | PathLike[str] | None
    resume: bool
    quiet: bool


class NetworkOptions(Options, total=False):
    """Of the continuous family."""

    beta: float
    nudging: Literal["positive", "negative", "random-sign", "centered"]
    rule: str | Rule
    rates: Rates | None
    feedback_rate: float | None
    fixed: Sequence[str]
    optimizer: str | Optimizer
    weight_decay: float
    average: float
    centred: bool
    solver: SolverSettings | None
    phases: PhaseSettings
    device: DeviceSettings


class LearnerOptions(Options, total=False):
    """Of the discrete and the spiking family."""

    device: Device
    augment: Augmentation
    channels_last: bool
