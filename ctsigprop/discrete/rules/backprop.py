"""Backpropagation through the whole network, and the shallow reference, where only the classification layer learns."""

from torch import nn

from ctsigprop.discrete.network import Network
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.output import OutputStage
from ctsigprop.settings.discrete import DiscreteSettings


def bp_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """Backpropagation (BP): one forward pass, one cross entropy, one backward pass, and layers that wait for it."""
    stage = OutputStage("network", network)
    stage.learn_with(settings.learning.rate, settings.learning.weight_decay)
    return Learner([stage], network.classes, settings.training.precision)


def shallow_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """The hidden layers stay as they were drawn; the classification layer learns.

    They go on collecting the statistics of batch normalisation, which are not learned.
    """
    hidden = nn.Sequential(*network.blocks).requires_grad_(False)
    stage = OutputStage("output", nn.Sequential(hidden, nn.Flatten(), network.output))
    stage.learn_with(settings.learning.rate, settings.learning.weight_decay)
    return Learner([stage], network.classes, settings.training.precision)
