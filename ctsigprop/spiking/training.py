"""Training a spiking network in a run folder."""

from dataclasses import replace
from typing import Any

import torch

from ctsigprop.datasets import Split
from ctsigprop.discrete import training
from ctsigprop.discrete.batches import Standard
from ctsigprop.runs import RunFolder
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.learners import learner_for


def train(settings: SpikingSettings, run: RunFolder, *, resume: bool = False, quiet: bool = False) -> dict[str, Any]:
    """Trains a network of this wing in a run folder; see `ctsigprop.discrete.training.train_layers`."""
    return training.train_layers(settings, run, learner_for, standard_for, resume=resume, quiet=quiet)


def standard_for(settings: SpikingSettings, split: Split) -> Standard:
    """Puts images in form for a coding: currents are standardised; what becomes spikes is an intensity from 0 to 1.

    Args:
        settings: coding, device and memory format.
        split: the training set.
    """
    standard = training.standard_for(settings, split)
    if settings.network.coding == "direct":
        return standard
    whole = torch.full_like(standard.deviation, split.maximum)
    return replace(standard, mean=torch.zeros_like(standard.mean), deviation=whole)
