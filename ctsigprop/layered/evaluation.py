"""How well a learner predicts: the error of each stage that makes a prediction."""

import torch

from ctsigprop.data import Split
from ctsigprop.layered.batches import Standard
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.prediction import batches_of


def error_rates(learner: Learner, split: Split, standard: Standard) -> dict[str, float]:
    """Percent of samples that a stage puts into a wrong class, by the stage's name; the network's own is the last.

    The learner is in evaluation mode afterwards.

    Args:
        learner: on the standard's device.
        split: images and labels.
        standard: of the training set.
    """
    learner.eval()
    images, device = split.channels_first(), standard.mean.device
    labels = torch.tensor(split.labels, device=device)
    wrong: dict[str, torch.Tensor] = {}
    for batch in batches_of(images.shape):
        for name, scores in learner.scores(standard.inputs(images[batch])).items():
            errors = (scores.argmax(dim=1) != labels[batch]).sum()
            wrong[name] = wrong[name] + errors if name in wrong else errors
    return {name: 100 * int(errors) / len(images) for name, errors in wrong.items()}
