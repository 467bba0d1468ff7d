"""The stage that makes a network's prediction: its last layer, or all its layers where they learn together."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

from ctsigprop.layered.learner import Signal, Stage, Step

OutputLoss = Callable[[Tensor, Tensor], Tensor]
"""Outputs and labels to a scalar."""


class OutputStage(Stage):
    """A module that learns the labels from what it is given, and hands nothing back to the stages before it.

    A classification layer (paper, Fig. 2b), the outputs of a regression, or a whole network: backpropagation.

    Attributes:
        layer: gives the outputs.
        loss: of outputs and labels.
    """

    def __init__(self, name: str, layer: nn.Module, loss: OutputLoss = F.cross_entropy) -> None:
        """A stage that has not begun to learn: call `learn_with`."""
        super().__init__(name)
        self.layer, self.loss = layer, loss

    def forward(self, signal: Signal) -> Signal:
        """h to the network's outputs."""
        return Signal(self.layer(signal.h))

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """One update down the gradient of the loss."""
        outputs = self.layer(signal.h.detach())
        loss = self.loss(outputs, labels)
        self.update(loss)
        outputs = outputs.detach()
        return Signal(outputs), Step(loss.detach(), outputs)

    def scores(self, signal: Signal) -> Tensor:
        """The outputs themselves."""
        return signal.h


def classification(layer: nn.Module) -> OutputStage:
    """A classification layer behind hidden layers that learn by themselves; it flattens what they give."""
    return OutputStage("output", nn.Sequential(nn.Flatten(), layer))
