"""Settings of a run whose network was made in Python: they describe it, and cannot make it again."""

from dataclasses import dataclass, field
from typing import Literal

from ctsigprop.settings.checks import require_number, require_one_of, require_sequence
from ctsigprop.settings.data import DataSettings
from ctsigprop.settings.discrete import DiscreteTrainingSettings

Own = Literal["own"]
OWN: Own = "own"
"""What `network.architecture` says of a network that was made in Python."""


@dataclass(frozen=True)
class OwnNetworkSettings:
    """The layers.

    Attributes:
        architecture: own.
        layers: what PyTorch says of each, from the input side.
    """

    architecture: Own = OWN
    layers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_one_of("network.architecture", self.architecture, Own)
        require_sequence(self, "network", "layers")


@dataclass(frozen=True)
class OwnLearningSettings:
    """What trains the layers.

    Attributes:
        rule: name of the learner's class.
        options: what it was told, each as `name = value`.
        optimizers: of each stage.
        rate: learning rate of the first stage.
        decay: factor on every rate after each epoch.
    """

    rule: str = ""
    options: tuple[str, ...] = ()
    optimizers: tuple[str, ...] = ()
    rate: float = 5e-4
    decay: float = 1.0

    def __post_init__(self) -> None:
        require_number("learning.rate", self.rate, 0.0)
        require_number("learning.decay", self.decay, 0.0, 1.0, open_low=True)
        require_sequence(self, "learning", "options")
        require_sequence(self, "learning", "optimizers")


@dataclass(frozen=True)
class OwnSettings:
    """What is known of a run whose network was made in Python.

    Raises:
        InputError: a value that is not allowed.
    """

    data: DataSettings = field(default_factory=DataSettings)
    network: OwnNetworkSettings = field(default_factory=OwnNetworkSettings)
    learning: OwnLearningSettings = field(default_factory=OwnLearningSettings)
    training: DiscreteTrainingSettings = field(default_factory=DiscreteTrainingSettings)

    @property
    def title(self) -> str:
        """What runs of these settings are called."""
        return f"{self.data.title}-{self.network.architecture}-{self.learning.rule}"

    @property
    def inactive(self) -> dict[tuple[str, str], str]:
        """Group and name of the settings that nothing in such a run depends on, and why."""
        return self.data.inactive

    @property
    def rates(self) -> dict[str, float]:
        """The learning rate of the first stage, in the words of a remedy."""
        return {"the optimizer's learning rate": self.learning.rate}

    def rate_of(self, epoch: int) -> float:
        """The learning rate of the first stage in an epoch, counted from 1."""
        return self.learning.rate * self.decay_of(epoch)

    def decay_of(self, epoch: int) -> float:
        """Factor of all rates in an epoch."""
        return self.learning.decay ** (epoch - 1)


@dataclass(frozen=True)
class OwnDiscreteSettings(OwnSettings):
    """Of the discrete family."""


@dataclass(frozen=True)
class OwnSpikingSettings(OwnSettings):
    """Of the spiking family."""
