"""Settings of the three wings: frozen dataclasses that refuse a wrong value when they are made."""

from ctsigprop.settings.checks import require_whole
from ctsigprop.settings.continuous import (
    LearningSettings,
    NetworkSettings,
    NudgingSettings,
    Precision,
    ProbeSettings,
    Settings,
    SolverSettings,
)
from ctsigprop.settings.data import DatasetName, DataSettings
from ctsigprop.settings.discrete import DiscreteSettings
from ctsigprop.settings.training import TrainingSettings

AnySettings = Settings | DiscreteSettings

WINGS: dict[str, type[Settings] | type[DiscreteSettings]] = {"continuous": Settings, "discrete": DiscreteSettings}
"""The settings of each wing."""

__all__ = [
    "WINGS",
    "AnySettings",
    "DataSettings",
    "DatasetName",
    "DiscreteSettings",
    "LearningSettings",
    "NetworkSettings",
    "NudgingSettings",
    "Precision",
    "ProbeSettings",
    "Settings",
    "SolverSettings",
    "TrainingSettings",
    "require_whole",
]
