"""Settings of the three families: frozen dataclasses that refuse a wrong value when they are made."""

from ctsigprop.settings.begun import as_begun, with_precision
from ctsigprop.settings.checks import require_rate, require_whole
from ctsigprop.settings.continuous import (
    LearningSettings,
    NetworkSettings,
    NudgingSettings,
    Precision,
    ProbeSettings,
    Settings,
    SolverSettings,
)
from ctsigprop.settings.data import DataSettings
from ctsigprop.settings.discrete import DiscreteSettings
from ctsigprop.settings.own import OwnDiscreteSettings, OwnSettings, OwnSpikingSettings
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.settings.training import TrainingSettings

LayeredSettings = DiscreteSettings | SpikingSettings | OwnDiscreteSettings | OwnSpikingSettings
"""Of the families whose networks PyTorch trains layer by layer."""

AnySettings = Settings | LayeredSettings

FAMILIES: dict[str, type[AnySettings]] = {
    "continuous": Settings,
    "discrete": DiscreteSettings,
    "spiking": SpikingSettings,
}
"""The settings of each family."""

MADE_IN_PYTHON: dict[str, type[OwnDiscreteSettings | OwnSpikingSettings]] = {
    "discrete": OwnDiscreteSettings,
    "spiking": OwnSpikingSettings,
}
"""Those of a family's runs whose network was made in Python."""

__all__ = [
    "FAMILIES",
    "MADE_IN_PYTHON",
    "AnySettings",
    "DataSettings",
    "DiscreteSettings",
    "LayeredSettings",
    "LearningSettings",
    "NetworkSettings",
    "NudgingSettings",
    "OwnDiscreteSettings",
    "OwnSettings",
    "OwnSpikingSettings",
    "Precision",
    "ProbeSettings",
    "Settings",
    "SolverSettings",
    "SpikingSettings",
    "TrainingSettings",
    "as_begun",
    "require_rate",
    "require_whole",
    "with_precision",
]
