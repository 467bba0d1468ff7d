"""All settings of the spiking family."""

import os.path
from dataclasses import dataclass, field, fields
from math import cos, pi
from typing import Literal

from ctsigprop.settings.checks import (
    require,
    require_number,
    require_one_of,
    require_sequence,
    require_whole,
)
from ctsigprop.settings.choices import CODINGS, NEURONS, SURROGATES
from ctsigprop.settings.data import DataSettings, absolute
from ctsigprop.settings.discrete import Density, DiscreteTrainingSettings, Precision, Weights
from ctsigprop.settings.printing import changed

Reset = Literal["hard", "soft"]
Model = Literal["bp-surrogate", "shallow", "sp-surrogate", "sp-voltage"]
Update = Literal["end", "step"]

THRESHOLDS: dict[Model, float] = {"bp-surrogate": 1.0, "shallow": 1.0, "sp-surrogate": 0.5, "sp-voltage": 0.5}
"""Voltage at which a neuron spikes (paper, Sec. VI-A)."""

THRESHOLD_BOUNDS = (1e-6, 1e6)
"""Between these, voltages in float32 are far from both its ends."""


@dataclass(frozen=True)
class SpikingDataSettings(DataSettings):
    """What is learned.

    Attributes:
        name: dataset; `ctsigprop data list` shows them.
        limit: use only the first so many training samples (all where it is left out).
        file: NPZ file of images of one's own, in place of a dataset: x_train, y_train and, where there are any,
            x_validation, y_validation, x_test, y_test; or x and y; kept as an absolute path.
        scaling: of the inputs of a file: auto (to 0..1 by the training part's extremes), none, or standard (each
            feature less its mean over its standard deviation).
        seed: of the order in which the parts that a file lacks are split off.
        events: folder that holds train.npz and test.npz, recordings of an event camera, in place of a dataset; kept as
            an absolute path.
    """

    events: str | None = None

    __repr__ = changed

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.events is not None:
            named = isinstance(self.events, str) and self.events != "" and "\0" not in self.events
            require(named, "data.events", self.events, "the path of a folder that holds train.npz and test.npz")
            object.__setattr__(self, "events", absolute(self.events))
            require(self.file is None, "data.file", self.file, "left out with data.events, which is in its place")

    @property
    def title(self) -> str:
        """What the data are called: of recordings, the name of their folder."""
        return super().title if self.events is None else os.path.basename(self.events)

    @property
    def inactive(self) -> dict[tuple[str, str], str]:
        """Group and name of the settings of data that do not count, and why."""
        of_events = {} if self.events is None else {("data", "name"): f"data.events = {self.events}"}
        return super().inactive | of_events


@dataclass(frozen=True)
class SpikingNetworkSettings:
    """The layers: two convolutions, one fully connected layer, the classification layer.

    Attributes:
        channels: of the two convolutions.
        units: of the fully connected layer.
        threshold: voltage at which a neuron spikes; left out, the paper's for the model: 0.5 for signal propagation,
            1.0 for the others.
        reset: after a spike, the voltage becomes zero (hard) or falls by the threshold (soft).
        leak: fraction of the voltage that a step loses; 0 is an ideal integrator (Eq. 15).
        steps: in time.
        surrogate: of the spike: arctan (Eq. 16-17), sigmoid, triangle or one's own.
        coding: what enters: direct (the image as a current, the same at each step; of a recording, each frame at its
            step), rate (random spikes, the brighter the more), latency (one spike, the brighter the earlier) or one's
            own.
        neuron: integrate_and_fire, or one's own, which may do without `reset` and `leak`.
    """

    channels: tuple[int, ...] = (32, 64)
    units: int = 256
    threshold: float | None = None
    reset: Reset = "hard"
    leak: float = 0.0
    steps: int = 4
    surrogate: str = "arctan"
    coding: str = "direct"
    neuron: str = "integrate_and_fire"

    __repr__ = changed

    def __post_init__(self) -> None:
        require_sequence(self, "network", "channels")
        require(len(self.channels) == 2, "network.channels", list(self.channels), "two numbers, such as [32, 64]")
        for channels in self.channels:
            require_whole("network.channels", channels, 1)
        require_whole("network.units", self.units, 1)
        if self.threshold is not None:
            require_number("network.threshold", self.threshold, *THRESHOLD_BOUNDS)
        require_one_of("network.reset", self.reset, Reset)
        require_number("network.leak", self.leak, 0.0, 1.0)
        require_whole("network.steps", self.steps, 1)
        SURROGATES.check(self.surrogate)
        CODINGS.check(self.coding)
        NEURONS.check(self.neuron)


PAPER_NETWORK = SpikingNetworkSettings(channels=(128, 128), units=2048)
"""Thought to be the paper's, which gives no widths: its steps, batch, half period of the cosine, neurons and surrogate
are those of a public tutorial of SpikingJelly, whose network has these. An inference."""


@dataclass(frozen=True)
class SpikingLearningSettings:
    """What trains the layers.

    Attributes:
        model: bp-surrogate (backpropagation through the surrogate), shallow (only the classification layer learns),
            sp-surrogate or sp-voltage (signal propagation; the loss of the voltage through the surrogate, or as it is).
        rate: of Adam.
        readout_rate: of the classification layer's Adam where it learns apart from the hidden layers: large enough to
            keep up with spikes that change as those learn.
        half_period: epochs in which a cosine takes the rates to zero (T_max of cosine annealing); no run is longer.
        weight_decay: fraction of a weight that an update at rate 1 takes off.
        update: signal propagation: one for all steps of time (end), or one at each (step): memory does not grow with
            the steps then.
    """

    model: Model = "sp-surrogate"
    rate: float = 5e-4
    readout_rate: float = 5e-3
    half_period: int = 64
    weight_decay: float = 0.0
    update: Update = "end"

    __repr__ = changed

    def __post_init__(self) -> None:
        require_one_of("learning.model", self.model, Model)
        require_number("learning.rate", self.rate, 0.0, open_low=True)
        require_number("learning.readout_rate", self.readout_rate, 0.0, open_low=True)
        require_whole("learning.half_period", self.half_period, 1)
        require_number("learning.weight_decay", self.weight_decay, 0.0)
        require_one_of("learning.update", self.update, Update)


@dataclass(frozen=True)
class SpikingTargetSettings:
    """Signal propagation: the targets that travel with the inputs, one for each class (target-only, Eq. 1).

    Attributes:
        weights: whether what makes the targets learns or stays as it was drawn.
        density: dense (targets as large as the layer's outputs) or sparse (Sec. III-E).
    """

    weights: Weights = "learned"
    density: Density = "dense"

    __repr__ = changed

    def __post_init__(self) -> None:
        require_one_of("target.weights", self.weights, Weights)
        require_one_of("target.density", self.density, Density)


@dataclass(frozen=True)
class SpikingTrainingSettings(DiscreteTrainingSettings):
    """The run.

    Attributes:
        epochs: passes over the training set.
        batch_size: samples an update.
        seed: seeds the weights, the order of the samples, random spikes and augmentation.
        threads: threads of every numerical library.
        device: cpu or cuda.
        precision: float32, or bfloat16 for the products (automatic mixed precision), with voltages in float32; auto is
            bfloat16 where the processor has instructions for it and float32 elsewhere, chosen as the run begins and
            kept by it.
        channels_last: memory layout of images and convolutions; faster in bfloat16.
        augment: none, crop (random crops after padding by 4) or crop-flip (and mirrored at random).
        keep: epochs after which a checkpoint is kept for good, as checkpoint-epoch-K.npz; those beyond `epochs` wait
            for more of them.
        tensorboard: also write TensorBoard event files (needs the `tensorboard` extra).
    """

    epochs: int = 64
    precision: Precision = "auto"
    channels_last: bool = True

    __repr__ = changed


@dataclass(frozen=True)
class SpikingSettings:
    """Everything that a run of the spiking family depends on.

    Raises:
        InputError: two settings that do not go together.
    """

    data: SpikingDataSettings = field(default_factory=SpikingDataSettings)
    network: SpikingNetworkSettings = field(default_factory=SpikingNetworkSettings)
    learning: SpikingLearningSettings = field(default_factory=SpikingLearningSettings)
    target: SpikingTargetSettings = field(default_factory=SpikingTargetSettings)
    training: SpikingTrainingSettings = field(default_factory=SpikingTrainingSettings)

    __repr__ = changed

    @property
    def title(self) -> str:
        """What runs of these settings are called."""
        return f"{self.data.title}-{self.learning.model}"

    @property
    def inactive(self) -> dict[tuple[str, str], str]:
        """Group and name of the settings that nothing in such a run depends on, and the setting because of which."""
        model = self.learning.model
        inactive = set()
        if model in ("shallow", "sp-voltage"):
            inactive |= {("network", "surrogate")}
        if model == "bp-surrogate":
            inactive |= {("learning", "readout_rate")}
        if model == "shallow":
            inactive |= {("learning", "rate")}
        if model in ("bp-surrogate", "shallow"):
            inactive |= {("learning", "update"), *(("target", one.name) for one in fields(SpikingTargetSettings))}
        of_data = self.data.inactive
        return dict.fromkeys(inactive, f"learning.model = {model}") | of_data

    @property
    def threshold(self) -> float:
        """Voltage at which a neuron spikes."""
        given = self.network.threshold
        return THRESHOLDS[self.learning.model] if given is None else given

    @property
    def rates(self) -> dict[str, float]:
        """The learning rates that count, by setting: the hidden layers' first, where they learn."""
        inactive = self.inactive
        names = [name for name in ("rate", "readout_rate") if ("learning", name) not in inactive]
        return {f"learning.{name}": getattr(self.learning, name) for name in names}

    def rate_of(self, epoch: int) -> float:
        """The first of the learning rates in an epoch, counted from 1."""
        return next(iter(self.rates.values())) * self.decay_of(epoch)

    def decay_of(self, epoch: int) -> float:
        """Factor of all rates in an epoch: cosine annealing (Loshchilov & Hutter 2017)."""
        return (1 + cos(pi * (epoch - 1) / self.learning.half_period)) / 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "data", SpikingDataSettings(**vars(self.data)))  # a dataset's own settings will do
        if self.data.events is not None:
            allowed = "direct with data.events, each frame of which enters at its step: leave it out"
            require(self.network.coding == "direct", "network.coding", self.network.coding, allowed)
        epochs, most = self.training.epochs, self.learning.half_period
        remedy = "raise that too, in a new run (one that is resumed keeps its own)"
        require(
            epochs <= most,
            "training.epochs",
            epochs,
            f"at most learning.half_period = {most}, where the cosine has taken the rate to zero: {remedy}",
        )
