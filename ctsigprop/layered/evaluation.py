"""How well a learner predicts: the error of each stage that makes a prediction."""

from math import prod

import torch

from ctsigprop.data import Split
from ctsigprop.layered.batches import Standard
from ctsigprop.layered.learner import Learner

BATCH = 250
"""Images at a time; of recordings, frames."""


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
    size = max(1, BATCH // prod(images.shape[1:-3]))
    for start in range(0, len(images), size):
        batch = slice(start, start + size)
        for name, scores in learner.scores(standard.inputs(images[batch])).items():
            errors = (scores.argmax(dim=1) != labels[batch]).sum()
            wrong[name] = wrong[name] + errors if name in wrong else errors
    return {name: 100 * int(errors) / len(images) for name, errors in wrong.items()}
