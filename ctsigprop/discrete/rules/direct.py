"""Direct feedback alignment: the output error reaches every hidden layer through a fixed random matrix of its own.

Noekland 2016, NeurIPS 29. Each layer takes dL/dh_i = e B_i for the gradient at its output and carries it back to its
own parameters through dropout, activation and batch normalisation, no further.
"""

from collections.abc import Iterable, Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ctsigprop.discrete.chain import Chain
from ctsigprop.discrete.network import Network
from ctsigprop.layered.learner import Learner, Signal, Step
from ctsigprop.layered.optimizers import MakeOptimizer, chosen
from ctsigprop.layered.output import OutputStage
from ctsigprop.layered.seeding import Use, draw_uniform, generator
from ctsigprop.settings.discrete import DiscreteSettings, Precision


class DirectStage(OutputStage):
    """A network whose hidden layers wait for the output error, and not for each other's."""

    layer: Network | Chain

    def __init__(self, network: Network | Chain) -> None:
        """Draws the projections B_i, each (classes, features of the hidden layer's output)."""
        super().__init__("network", network)
        for place, shape in enumerate(network.shapes, start=1):
            projection = torch.empty(prod(shape), network.classes)
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
        logits = self.layer.read(h.detach())
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


class DirectFeedbackAlignment(Learner):
    """Direct feedback alignment (Noekland 2016) of any layers."""

    def __init__(
        self,
        layers: Iterable[nn.Module],
        shape: Sequence[int],
        *,
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        """Draw a projection of the output error for each hidden layer.

        Args:
            layers: modules from the input side, or an `nn.Sequential`; the last gives a score for each class.
            shape: of a sample, as `Dataset.shape` has it.
            optimizer: of the parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of Adam in its place (default: 5e-4).
            precision: auto, float32 or bfloat16.
            seed: of the projections.

        Raises:
            InputError: an argument that cannot be used.
        """
        chain = Chain(layers, shape, seed)
        chain.require_hidden("direct feedback alignment")
        stage = DirectStage(chain)
        stage.learn_with(optimizer=chosen(optimizer, rate))
        super().__init__([stage], chain.classes, precision)
        self.options = {"seed": seed}
