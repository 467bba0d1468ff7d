"""What settings leave to the processor is, in a run that was begun, what it was begun with."""

from dataclasses import replace
from typing import Any, TypeVar

from ctsigprop.settings.continuous import Settings
from ctsigprop.settings.discrete import DiscreteSettings, Precision
from ctsigprop.settings.own import OwnDiscreteSettings, OwnSpikingSettings
from ctsigprop.settings.spiking import SpikingSettings

ByPyTorch = DiscreteSettings | SpikingSettings | OwnDiscreteSettings | OwnSpikingSettings
Layered = TypeVar("Layered", bound=ByPyTorch)
Asked = TypeVar("Asked", bound=Settings | ByPyTorch)


def as_begun(asked: Asked, begun: Settings | ByPyTorch) -> Asked:
    """Settings for a run, with its own precision where they say auto.

    Args:
        asked: for the run.
        begun: the settings that it has.
    """
    if isinstance(asked, Settings) or isinstance(begun, Settings):
        return asked
    return with_precision(asked, begun.training.precision)


def with_precision(settings: Layered, precision: Precision) -> Layered:
    """The settings, with this precision where they say auto."""
    if settings.training.precision != "auto":
        return settings
    training: Any = replace(settings.training, precision=precision)
    return replace(settings, training=training)
