"""Training in a run folder by the rule that the settings name."""

from collections.abc import Sequence
from typing import Any

from ctsigprop.data import Dataset
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.model import LayeredModel
from ctsigprop.layered.training import data_for, layered_model, placed, standard_for, train_layers
from ctsigprop.runs import RunFolder
from ctsigprop.runs.callbacks import Callback
from ctsigprop.runs.data_record import check_data
from ctsigprop.settings import DiscreteSettings


def train(
    settings: DiscreteSettings,
    run: RunFolder,
    *,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train a network of this family in a run folder; see `train_layers`."""
    return train_layers(model_for(settings, run), run, callbacks, resume=resume, quiet=quiet)


def model_for(settings: DiscreteSettings, run: RunFolder) -> LayeredModel:
    """The model of a run of this family; see `layered_model`."""
    return layered_model(settings, run, learner_for, standard_for, data_for)


def placed_learner(settings: DiscreteSettings, shape: tuple[int, ...], classes: int) -> Learner:
    """The learner that settings name, on their device and in their memory format.

    Args:
        settings: network, rule, seed, device and memory format.
        shape: of a sample.
        classes: how many there are.

    Raises:
        InputError: the network does not fit the samples, or the device is not there.
    """
    return placed(learner_for(settings, shape, classes), settings)


def load_learner(run: RunFolder, kind: str = "best") -> tuple[Learner, DiscreteSettings, Dataset]:
    """What a run has trained, on the CPU and in evaluation mode, with the run's settings and data.

    Args:
        run: its folder.
        kind: best, last, or epoch-K for an epoch of training.keep.

    Raises:
        InputError: the run is of another family, or of a rule that has changed since; the data are not those that it
            learned; the checkpoint is missing, corrupt or of another network, or holds values that are not finite.
        RunFailure: the dataset is not here, and its download failed.
    """
    settings = run.settings_of(DiscreteSettings)
    run.require_current()
    data = data_for(settings)
    check_data(run, data)
    learner = learner_for(settings, data.planes, data.classes)
    arrays, _ = run.load_checkpoint(kind, like=learner.parameter_arrays())
    learner.load_arrays(arrays)
    return learner.eval(), settings, data
