"""All settings of the discrete family."""

from dataclasses import dataclass, field, fields
from typing import Literal

from ctsigprop.settings.checks import (
    require,
    require_flag,
    require_number,
    require_one_of,
    require_sequence,
    require_whole,
)
from ctsigprop.settings.data import DataSettings
from ctsigprop.settings.printing import changed
from ctsigprop.settings.training import TrainingSettings

Architecture = Literal["fc", "conv", "vgg8b"]
Activation = Literal["leaky_relu", "relu", "tanh"]
Algorithm = Literal["sp", "bp", "fa", "dfa", "dtp", "sg", "ff", "ll-bp", "ll-fa", "shallow"]
_OF_ONE_RULE: dict[str, Algorithm] = {
    "similarity_weight": "ll-bp",
    "similarity_weight_fa": "ll-fa",
    "target_rate": "dtp",
    "inverse_noise": "dtp",
    "threshold": "ff",
    "label_strength": "ff",
}
"""Settings of learning on which one rule alone depends."""
UNLOCKED = ("sp", "ll-bp", "ll-fa")
"""Learning rules whose layers wait for none that comes after them."""
Generator = Literal["target-only", "target-input", "target-loop", "target-loop-error"]
Place = Literal["hidden", "input"]
Weights = Literal["learned", "fixed"]
Density = Literal["dense", "sparse"]
LayerLoss = Literal["prediction", "hebbian"]
Similarity = Literal["dot", "l2", "cosine"]
Statistics = Literal["inputs", "targets"]
Compared = Literal["outputs", "activations"]
Scope = Literal["class", "sample"]
Prediction = Literal["classification", "output-target"]
Precision = Literal["auto", "float32", "bfloat16"]
Device = Literal["cpu", "cuda"]


@dataclass(frozen=True)
class DiscreteNetworkSettings:
    """The layers.

    Attributes:
        architecture: fc (fully connected), conv (Table VI's small convolutional network) or vgg8b (Tables I to IV).
        hidden: fc only: units of each hidden layer, from the input side.
        widen: conv and vgg8b: factor on every number of channels, and on the fully connected layers of conv; below 1
            the network is narrower.
        activation: of every hidden layer.
        batch_norm: normalise before each activation.
        dropout: fraction of a hidden layer's outputs that training leaves out.
    """

    architecture: Architecture = "fc"
    hidden: tuple[int, ...] = (256, 256)
    widen: float = 1
    activation: Activation = "leaky_relu"
    batch_norm: bool = True
    dropout: float = 0.1

    __repr__ = changed

    def __post_init__(self) -> None:
        require_one_of("network.architecture", self.architecture, Architecture)
        require_sequence(self, "network", "hidden")
        allowed = "at least one hidden layer, such as [256, 256]"
        require(len(self.hidden) > 0, "network.hidden", list(self.hidden), allowed)
        for units in self.hidden:
            require_whole("network.hidden", units, 1)
        require_number("network.widen", self.widen, 0.0, 16.0, open_low=True)
        require_one_of("network.activation", self.activation, Activation)
        require_flag("network.batch_norm", self.batch_norm)
        require_number("network.dropout", self.dropout, 0.0, 1.0, open_high=True)


@dataclass(frozen=True)
class DiscreteLearningSettings:
    """What trains the layers.

    Attributes:
        algorithm: sp (signal propagation), bp, fa and dfa (backpropagation, feedback alignment, direct feedback
            alignment), dtp (difference target propagation), sg (synthetic gradients), ff (Forward-Forward), ll-bp and
            ll-fa (local losses with backpropagation or feedback alignment inside a layer) or shallow (only the
            classification layer learns).
        rate: of Adam.
        readout_rate: sp, ll-bp and ll-fa: of the Adam of the classification layer, which learns apart from the hidden
            layers; `rate` where it is left out.
        decay: factor on the rates at each of `decay_at`.
        decay_at: fractions of the epochs after which the rates decay.
        weight_decay: fraction of a weight that an update at rate 1 takes off (decoupled).
        similarity_weight: ll-bp: weight of the similarity loss; the prediction loss has the rest.
        similarity_weight_fa: ll-fa: the same.
        target_rate: dtp: of the step down the loss's gradient that makes the last hidden layer's target.
        inverse_noise: dtp: standard deviation of what is added to activations where an inverse learns.
        threshold: ff: of the goodness, a unit: the mean square of outputs above which a label is taken for right.
        label_strength: ff: value of a label's entry in the input, of which the inputs' deviation is 1.
    """

    algorithm: Algorithm = "sp"
    rate: float = 5e-4
    readout_rate: float | None = None
    decay: float = 0.25
    decay_at: tuple[float, ...] = (0.5, 0.75, 0.89, 0.94)
    weight_decay: float = 0.0
    similarity_weight: float = 0.99
    similarity_weight_fa: float = 0.01
    target_rate: float = 0.5
    inverse_noise: float = 0.1
    threshold: float = 1.0
    label_strength: float = 5.0

    __repr__ = changed

    def __post_init__(self) -> None:
        require_one_of("learning.algorithm", self.algorithm, Algorithm)
        require_number("learning.rate", self.rate, 0.0, open_low=True)
        if self.readout_rate is not None:
            require_number("learning.readout_rate", self.readout_rate, 0.0, open_low=True)
        require_number("learning.decay", self.decay, 0.0, 1.0, open_low=True)
        require_sequence(self, "learning", "decay_at")
        for fraction in self.decay_at:
            require_number("learning.decay_at", fraction, 0.0, 1.0)
        require_number("learning.weight_decay", self.weight_decay, 0.0)
        require_number("learning.similarity_weight", self.similarity_weight, 0.0, 1.0)
        require_number("learning.similarity_weight_fa", self.similarity_weight_fa, 0.0, 1.0)
        require_number("learning.target_rate", self.target_rate, 0.0, open_low=True)
        require_number("learning.inverse_noise", self.inverse_noise, 0.0)
        require_number("learning.threshold", self.threshold, 0.0, open_low=True)
        require_number("learning.label_strength", self.label_strength, 0.0, open_low=True)


@dataclass(frozen=True)
class TargetSettings:
    """Signal propagation: the targets that travel with the inputs, and what compares the two.

    Attributes:
        generator: target-only (Eq. 1), target-input (Eq. 10), target-loop (Eq. 11) or target-loop-error (Eq. 12).
        place: where the learning signal enters: at the first hidden layer's output, or at the network's input.
        weights: whether the generator learns or stays as it was drawn.
        density: dense (targets as large as the layer's outputs) or sparse (Sec. III-E).
        size: sparse, fully connected: entries of a target that are not zero; half of them where it is left out.
        error_rate: target-loop-error: eta, how much of the output error the target takes in.
        loss: prediction (Eq. 9) or hebbian (Eq. 14).
        similarity: what compares outputs and targets: dot (Eq. 6), l2 (Eq. 7) or cosine (of centred outputs; not in the
            paper, and better in convolutional networks).
        statistics: by which batch normalisation normalises targets: those of the inputs (running, Sec. III-D) or of the
            targets themselves (of all classes, not kept; Sec. III-D as well, and better in convolutional networks).
        compared: what is compared: a layer's outputs, or its activations, before dropout and pooling.
        layer_norm: whether the generator is that of the authors' library: linear without bias, layer normalisation,
            ReLU.
        scope: one target for each class, or one for each sample of the batch.
        prediction: classification (a layer of its own, Fig. 2b) or output-target (Fig. 2a).
    """

    generator: Generator = "target-only"
    place: Place = "hidden"
    weights: Weights = "learned"
    density: Density = "dense"
    size: int | None = None
    error_rate: float = 0.5
    loss: LayerLoss = "prediction"
    similarity: Similarity = "dot"
    statistics: Statistics = "inputs"
    compared: Compared = "outputs"
    layer_norm: bool = False
    scope: Scope = "class"
    prediction: Prediction = "classification"

    __repr__ = changed

    def __post_init__(self) -> None:
        require_one_of("target.generator", self.generator, Generator)
        require_one_of("target.place", self.place, Place)
        require_one_of("target.weights", self.weights, Weights)
        require_one_of("target.density", self.density, Density)
        if self.size is not None:
            require_whole("target.size", self.size, 1)
        require_number("target.error_rate", self.error_rate, 0.0)
        require_one_of("target.loss", self.loss, LayerLoss)
        require_one_of("target.similarity", self.similarity, Similarity)
        require_one_of("target.statistics", self.statistics, Statistics)
        require_one_of("target.compared", self.compared, Compared)
        require_flag("target.layer_norm", self.layer_norm)
        require_one_of("target.scope", self.scope, Scope)
        require_one_of("target.prediction", self.prediction, Prediction)


@dataclass(frozen=True)
class DiscreteTrainingSettings(TrainingSettings):
    """The run, and what it computes with.

    Attributes:
        epochs: passes over the training set.
        batch_size: samples an update; batch normalisation needs 2.
        device: cpu or cuda.
        precision: float32, or bfloat16 for the products (automatic mixed precision); auto is bfloat16 where the
            processor has instructions for it and float32 elsewhere, chosen as the run begins and kept by it.
        channels_last: memory layout of images and convolutions; faster in bfloat16.
        augment: none, crop (random crops after padding by 4) or crop-flip (and mirrored at random).
    """

    epochs: int = 20
    batch_size: int = 128
    device: Device = "cpu"
    precision: Precision = "float32"
    channels_last: bool = False

    __repr__ = changed

    def __post_init__(self) -> None:
        super().__post_init__()
        require_whole("training.batch_size", self.batch_size, 2)
        require_one_of("training.device", self.device, Device)
        require_one_of("training.precision", self.precision, Precision)
        require_flag("training.channels_last", self.channels_last)


@dataclass(frozen=True)
class DiscreteSettings:
    """Everything that a run of the discrete family depends on.

    Raises:
        InputError: two settings that do not go together.
    """

    data: DataSettings = field(default_factory=DataSettings)
    network: DiscreteNetworkSettings = field(default_factory=DiscreteNetworkSettings)
    learning: DiscreteLearningSettings = field(default_factory=DiscreteLearningSettings)
    target: TargetSettings = field(default_factory=TargetSettings)
    training: DiscreteTrainingSettings = field(default_factory=DiscreteTrainingSettings)

    __repr__ = changed

    @property
    def title(self) -> str:
        """What runs of these settings are called."""
        return f"{self.data.title}-{self.network.architecture}-{self.learning.algorithm}"

    @property
    def inactive(self) -> dict[tuple[str, str], str]:
        """Group and name of the settings that nothing in such a run depends on, and the setting because of which."""
        architecture, algorithm, target = self.network.architecture, self.learning.algorithm, self.target
        sizes = "widen" if architecture == "fc" else "hidden"
        found = self.data.inactive | {("network", sizes): f"network.architecture = {architecture}"}
        for name, counts in _OF_ONE_RULE.items():
            if algorithm != counts:
                found["learning", name] = f"learning.algorithm = {algorithm}"
        one_layer = architecture == "fc" and len(self.network.hidden) == 1
        if algorithm == "dtp" and one_layer:
            found["learning", "inverse_noise"] = f"network.hidden = {list(self.network.hidden)}"  # has no inverse
        if algorithm not in UNLOCKED:
            found["learning", "readout_rate"] = f"learning.algorithm = {algorithm}"
        elif algorithm == "sp" and target.prediction == "output-target":
            found["learning", "readout_rate"] = f"target.prediction = {target.prediction}"
        if algorithm != "sp":
            return found | {("target", one.name): f"learning.algorithm = {algorithm}" for one in fields(TargetSettings)}
        if target.generator != "target-loop-error":
            found["target", "error_rate"] = f"target.generator = {target.generator}"
        among_inputs = target.generator != "target-only" and (target.density == "dense" or architecture == "fc")
        shares_statistics = among_inputs and target.place == "input" and self.network.batch_norm
        if target.loss == "hebbian" and not shares_statistics:  # through which alone its generator would learn
            found["target", "weights"] = f"target.loss = {target.loss}"
        if architecture == "fc" and self.network.dropout == 0:
            found["target", "compared"] = "network.dropout = 0"
        if not self.network.batch_norm:
            found["target", "statistics"] = "network.batch_norm = false"
        elif among_inputs:
            found["target", "statistics"] = f"target.generator = {target.generator}"
        elif one_layer and target.place == "hidden":
            found["target", "statistics"] = f"network.hidden = {list(self.network.hidden)}"  # targets pass no layer
        return found

    @property
    def rates(self) -> dict[str, float]:
        """The learning rates that count, by setting."""
        rates = {"learning.rate": self.learning.rate}
        if self.learning.readout_rate is not None and ("learning", "readout_rate") not in self.inactive:
            rates["learning.readout_rate"] = self.learning.readout_rate
        return rates

    def rate_of(self, epoch: int) -> float:
        """`learning.rate` in an epoch, counted from 1."""
        return self.learning.rate * self.decay_of(epoch)

    def decay_of(self, epoch: int) -> float:
        """Factor of the rates in an epoch: `decay` for each fraction of `decay_at` that has passed."""
        learning, epochs = self.learning, self.training.epochs
        passed = sum(epoch - 1 >= round(fraction * epochs, 9) for fraction in learning.decay_at)
        return learning.decay**passed

    def __post_init__(self) -> None:
        if self.target.size is not None:
            counted = self.network.architecture == "fc" and self.target.density == "sparse"
            allowed = "left out but for target.density = sparse and network.architecture = fc, where it counts"
            require(counted, "target.size", self.target.size, allowed)
        if self.target.scope == "class":
            generators = ("target-only",)
            allowed = "target-only with target.scope = class: the others make a target for each sample (scope: sample)"
            require(self.target.generator in generators, "target.generator", self.target.generator, allowed)
        if self.target.prediction == "output-target":
            allowed = "classification with target.scope = sample: a test sample has no target of its own"
            require(self.target.scope == "class", "target.prediction", self.target.prediction, allowed)
