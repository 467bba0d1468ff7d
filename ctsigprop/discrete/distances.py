"""How near inputs and targets of the same and of other classes are, layer by layer (paper, Fig. 3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from ctsigprop.data import dataset_of
from ctsigprop.discrete.losses import on_one_grid
from ctsigprop.discrete.rules.layer_stage import LayerStage
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.discrete.training import load_learner
from ctsigprop.errors import InputError
from ctsigprop.layered.batches import Standard
from ctsigprop.layered.learner import Learner, Signal
from ctsigprop.runs import RunFolder
from ctsigprop.settings import DiscreteSettings


@dataclass(frozen=True)
class Distances:
    """Cosine distances between the outputs h of a layer and its targets t, one a class.

    Attributes:
        place: "input", "layer 1", "layer 2", ...
        same: mean over samples of the distance to the target of their own class.
        other: mean over samples of the mean distance to the targets of the other classes.
        same_deviation: over samples.
        other_deviation: over samples.
        nearest: percent of samples that are nearer to their own target than to every other.
    """

    place: str
    same: float
    other: float
    same_deviation: float
    other_deviation: float
    nearest: float


def run_distances(run: RunFolder, epochs: Sequence[int], samples: int) -> dict[int, list[Distances]]:
    """Distances on a run's first validation samples, by epoch.

    Args:
        run: finished or not.
        epochs: those of training.keep that are wanted; 0 is the network before its first update.
        samples: how many, at most.

    Raises:
        InputError: no run of signal propagation with one target a class, or a checkpoint that cannot be used.
        RunFailure: the dataset is not here, and its download failed.
    """
    settings = run.settings_of(DiscreteSettings)
    data = dataset_of(settings.data)
    images, labels = data.validation.channels_first()[:samples], data.validation.labels[:samples]
    inputs = Standard.of(data.train.channels_first()).inputs(images)
    found = {}
    for epoch in epochs:
        if epoch == 0:
            learner = learner_for(settings, data.planes, data.classes).eval()
        else:
            learner, _, _ = load_learner(run, f"epoch-{epoch}")
        found[epoch] = layer_distances(learner, inputs, torch.from_numpy(labels))
    return found


@torch.no_grad()
def layer_distances(learner: Learner, inputs: Tensor, labels: Tensor) -> list[Distances]:
    """Distances at the input, where targets enter there, and after every hidden layer.

    Args:
        learner: of signal propagation with one target a class (target.scope = class), in evaluation mode.
        inputs: shape (samples, ...).
        labels: classes, shape (samples,).

    Raises:
        InputError: the learner's rule sends no target a class.
    """
    signal, found = Signal(inputs), []
    for stage in learner.stages:
        if not isinstance(stage, LayerStage):
            continue
        if not stage.per_class:
            raise InputError(f"{stage.name}: has one target a sample: distances need target.scope = class")
        if stage.generator is not None and stage.generator.at_input:
            targets = stage.generator(signal.h, None, None)
            found.append(between("input", signal.h, targets, labels))
        signal = stage(signal)
        assert signal.t is not None
        found.append(between(stage.name, signal.h, signal.t, labels))
    if not found:
        raise InputError("learning.algorithm: sends no targets: distances need a run of sp")
    return found


def between(place: str, h: Tensor, t: Tensor, labels: Tensor) -> Distances:
    """Distances 1 - h . t / (|h| |t|): from 0 (of one direction) over 1 (at right angles) to 2, in a layer of any size.

    Args:
        place: where they are measured.
        h: shape (samples, ...).
        t: one target a class, shape (classes, ...); images are averaged down to the smaller grid of the two.
        labels: shape (samples,).
    """
    rows, columns = (F.normalize(each.flatten(1).double(), dim=1) for each in on_one_grid(h, t))
    distances = 1 - rows @ columns.T
    own = F.one_hot(labels, len(t)).bool()
    same, others = distances[own], distances[~own].view(len(labels), len(t) - 1)
    other = others.mean(1)
    return Distances(
        place=place,
        same=same.mean().item(),
        other=other.mean().item(),
        same_deviation=same.std(correction=0).item(),
        other_deviation=other.std(correction=0).item(),
        nearest=100 * (same < others.min(1).values).double().mean().item(),
    )
