"""Backpropagation through the whole network, and the shallow reference, where only the classification layer learns."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ctsigprop.discrete.learner import Learner, Signal, Stage, Step
from ctsigprop.discrete.network import Block, Network
from ctsigprop.settings.discrete import DiscreteSettings


class NetworkStage(Stage):
    """A network whose layers wait for each other: one forward pass, one cross entropy, one backward pass."""

    def __init__(self, network: Network) -> None:
        """All layers of a network, which learn together."""
        super().__init__("network")
        self.network = network

    def forward(self, signal: Signal) -> Signal:
        """Inputs to logits."""
        return Signal(self.network(signal.h))

    def step(self, signal: Signal, labels: Tensor) -> Step:
        """One update down the gradient of the mean cross entropy."""
        logits = self.network(signal.h)
        return classified(self, logits, labels)

    def scores(self, signal: Signal) -> Tensor:
        """The logits."""
        return signal.h


class OutputStage(Stage):
    """A classification layer that learns by itself, behind hidden layers that do not learn here.

    Attributes:
        hidden: frozen layers before it; they collect the statistics of batch normalisation, which are not learned.
        output: the classification layer.
    """

    def __init__(self, output: nn.Linear, hidden: Sequence[Block] = ()) -> None:
        """Freezes the hidden layers."""
        super().__init__("output")
        self.hidden = nn.Sequential(*hidden).requires_grad_(False)
        self.output = output

    def forward(self, signal: Signal) -> Signal:
        """The last hidden layer's output to logits."""
        with torch.no_grad():
            h = self.hidden(signal.h)
        return Signal(self.output(h.flatten(1)))

    def step(self, signal: Signal, labels: Tensor) -> Step:
        """One update down the gradient of the mean cross entropy."""
        return classified(self, self(signal).h, labels)

    def scores(self, signal: Signal) -> Tensor:
        """The logits."""
        return signal.h


def classified(stage: Stage, logits: Tensor, labels: Tensor) -> Step:
    """Updates a stage down the gradient of the mean cross entropy of its logits.

    Args:
        stage: learns.
        logits: with their graph, (samples, classes).
        labels: (samples,).
    """
    loss = F.cross_entropy(logits, labels)
    stage.update(loss)
    logits = logits.detach()
    return Step(Signal(logits), loss.detach(), logits)


def bp_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """Backpropagation (BP)."""
    stage = NetworkStage(network)
    stage.learn_with(settings.learning.rate, settings.learning.weight_decay)
    return Learner([stage], network.classes, settings.training.precision)


def shallow_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """The hidden layers stay as they were drawn; the classification layer learns."""
    stage = OutputStage(network.output, network.blocks)
    stage.learn_with(settings.learning.rate, settings.learning.weight_decay)
    return Learner([stage], network.classes, settings.training.precision)
