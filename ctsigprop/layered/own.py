"""A learner of the user's before its data."""

import torch
from torch import Tensor

from ctsigprop.data import Dataset
from ctsigprop.layered.batches import Standard
from ctsigprop.layered.epoch import Tally
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.model import LayeredModel
from ctsigprop.layered.optimizers import described, rate_of
from ctsigprop.layered.seeding import Use, seed_of
from ctsigprop.settings import MADE_IN_PYTHON, OwnDiscreteSettings, OwnSpikingSettings
from ctsigprop.settings.discrete import DiscreteTrainingSettings
from ctsigprop.settings.own import OwnLearningSettings, OwnNetworkSettings


class OwnModel(LayeredModel):
    """A learner whose layers may draw from PyTorch's own generator, as `torch.nn.Dropout` does.

    What a batch draws depends on seed, epoch and the batch's number alone, so that a resumed run is that which was not
    stopped.
    """

    def step(self, batch: tuple[Tensor, Tensor], tally: Tally) -> None:
        """Learn from a batch; see `LayeredModel.step`."""
        device = self.standard.mean.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            torch.manual_seed(seed_of(self.settings.training.seed, self.epoch, Use.STEP, tally.batches))
            super().step(batch, tally)


def settings_of(
    learner: Learner, data: Dataset, decay: float, training: DiscreteTrainingSettings
) -> OwnDiscreteSettings | OwnSpikingSettings:
    """What a run's config.yaml says of a learner of the user's.

    Args:
        learner: network and rule.
        data: that it learns.
        decay: factor on every rate after each epoch.
        training: the run.
    """
    optimizers = [f"{stage.name}: {described(stage.optimizer)}" for stage in learner.stages]
    options = [f"{name} = {value}" for name, value in learner.options.items()]
    learning = OwnLearningSettings(
        type(learner).__name__, tuple(options), tuple(optimizers), rate_of(learner.stages[0].optimizer), decay
    )
    layers = tuple(" ".join(f"{stage.name}: {stage!r}".split()) for stage in learner.stages)
    return MADE_IN_PYTHON[learner.family](data.source, OwnNetworkSettings(layers=layers), learning, training)


def standard_of(learner: Learner, data: Dataset, device: torch.device, *, channels_last: bool) -> Standard:
    """What brings the inputs of a dataset into the form that a learner of the user's takes.

    Args:
        learner: says which form.
        data: whose training part decides.
        device: of what is made.
        channels_last: memory layout of images.

    Raises:
        InputError: a sample has more dimensions than an image.
    """
    flat = len(data.shape) == 1 and data.train.images.ndim == 2
    if learner.takes == "intensities":
        return Standard.dividing(data.train.maximum, device, channels_last=channels_last, flat=flat)
    return Standard.of(data.train.channels_first(), device, channels_last=channels_last, flat=flat)
