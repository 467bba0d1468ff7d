"""Direct feedback alignment: the output error reaches every hidden layer through a fixed random matrix of its own.

Noekland 2016, NeurIPS 29. Each layer takes dL/dh_i = e B_i for the gradient at its output and carries it back to its
own parameters through dropout, activation and batch normalisation, no further.
"""

from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor

from ctsigprop.discrete.network import Network
from ctsigprop.layered.learner import Learner, Signal, Step
from ctsigprop.layered.output import OutputStage
from ctsigprop.layered.seeding import Use, draw_uniform, generator
from ctsigprop.settings.discrete import DiscreteSettings


class DirectStage(OutputStage):
    """A network whose hidden layers wait for the output error, and not for each other's."""

    layer: Network

    def __init__(self, network: Network) -> None:
        """Draws the projections B_i, each (classes, features of the hidden layer's output)."""
        super().__init__("network", network)
        for place, block in enumerate(network.blocks, start=1):
            projection = torch.empty(prod(block.outputs), network.classes)
            draw_uniform(projection, generator(network.seed, place, Use.FEEDBACK))
            self.register_buffer(f"feedback_{place}", projection.T.contiguous())

    @property
    def projections(self) -> list[Tensor]:
        """B_i of every hidden layer."""
        return [self.get_buffer(f"feedback_{place}") for place in range(1, len(self.layer.blocks) + 1)]

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """One update of all layers, e = softmax(logits) - onehot(labels) at the output, over the batch's size."""
        h, outputs = signal.h, []
        for block in self.layer.blocks:
            h = block(h.detach())
            outputs.append(h)
        logits = self.layer.output(h.detach().flatten(1))
        loss = F.cross_entropy(logits, labels)
        scores = logits.detach()
        predicted = F.softmax(scores, 1, dtype=torch.promote_types(scores.dtype, torch.float32))
        error = (predicted - F.one_hot(labels, self.layer.classes)) / len(labels)
        errors = [(error @ B).to(h.dtype).view(h.shape) for B, h in zip(self.projections, outputs, strict=True)]
        self.update(loss, outputs, errors)
        return Signal(scores), Step(loss.detach(), scores)


def dfa_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """Direct feedback alignment (DFA)."""
    stage = DirectStage(network)
    stage.learn_with(settings.learning.rate, settings.learning.weight_decay)
    return Learner([stage], network.classes, settings.training.precision)
