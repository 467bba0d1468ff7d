"""Difference target propagation: each layer is sent a target for its output, through learned inverses of the layers.

Lee, Zhang, Fischer & Bengio 2015, ECML PKDD (their Algorithm 1). The last hidden layer's target is its output less a
step down the gradient of the loss; that of a layer below is h_(i-1) - g_i(h_i) + g_i(target_i), which is right even
where g_i, an approximate inverse of layer i, is not. Each layer learns to give its target, each inverse to undo its
layer near the activations at hand.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ctsigprop.discrete.chain import Chain, require_dimensions
from ctsigprop.discrete.losses import squared_distance
from ctsigprop.discrete.network import Network
from ctsigprop.discrete.target_forward import for_targets
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Learner, Signal, Step
from ctsigprop.layered.optimizers import MakeOptimizer, chosen
from ctsigprop.layered.output import OutputStage
from ctsigprop.layered.seeding import Draws, Use, draw_weights, generator
from ctsigprop.settings.checks import require_number
from ctsigprop.settings.discrete import DiscreteSettings, Precision


class TargetPropagationStage(Draws, OutputStage):
    """A network whose layers wait for their targets.

    Attributes:
        inverses: g_i of hidden layers 2, 3, ...: a linear layer and an activation.
        target_rate: of the step that makes the last hidden layer's target.
        noise: standard deviation of what is added to activations where an inverse learns.
    """

    layer: Network | Chain

    def __init__(self, network: Network | Chain, activation: nn.Module, target_rate: float, noise: float) -> None:
        """Draws the inverses.

        Raises:
            InputError: a hidden layer gives images.
        """
        super().__init__("network", network)
        require_dimensions(network.shapes, (1,), "target propagation takes fully connected layers")
        self.target_rate, self.noise = target_rate, noise
        units = [shape[0] for shape in network.shapes]
        linear = [nn.Linear(above, below) for below, above in pairwise(units)]
        for place, inverse in enumerate(linear, start=2):
            draw_weights(inverse, generator(network.seed, place, Use.AUXILIARY))
        self.inverses = nn.ModuleList(nn.Sequential(inverse, activation) for inverse in linear)

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """One update of layers, inverses and output layer; |.|^2 are summed over units, means over samples."""
        h, outputs = signal.h.detach(), []
        for block in self.layer.blocks:
            h = block(h.detach())
            outputs.append(h)
        top = h.detach().requires_grad_()
        logits = self.layer.read(top)
        loss = F.cross_entropy(logits, labels)
        (error,) = torch.autograd.grad(loss, top, retain_graph=True)
        targets = self.targets([h.detach() for h in outputs], len(labels) * error)
        own = [squared_distance(h, target) for h, target in zip(outputs, targets, strict=True)]
        self.update(torch.stack([loss, *own, *self._inverse_losses(outputs)]).sum())
        return Signal(logits.detach()), Step(loss.detach(), logits.detach())

    @torch.no_grad()
    def targets(self, outputs: Sequence[Tensor], error: Tensor) -> list[Tensor]:
        """The hidden layers' targets.

        Args:
            outputs: of the hidden layers, each (samples, units).
            error: gradient of each sample's loss by the last of them.
        """
        targets = [outputs[-1] - self.target_rate * error]
        for h, above, inverse in zip(outputs[-2::-1], outputs[:0:-1], reversed(self.inverses), strict=True):
            targets.insert(0, h - inverse(above) + inverse(targets[0]))
        return targets

    def _inverse_losses(self, outputs: Sequence[Tensor]) -> list[Tensor]:
        """|g_i(f_i(h + noise)) - (h + noise)|^2 for each inverse, of which no gradient reaches f_i."""
        losses = []
        for place, (h, inverse) in enumerate(zip(outputs[:-1], self.inverses, strict=True), start=1):
            source = generator(self.layer.seed, place, Use.NOISE, self.drawn)
            disturbed = h.detach() + self.noise * torch.randn(h.shape, generator=source).to(h)
            block = self.layer.blocks[place]
            with torch.no_grad(), for_targets(block, "targets"):
                above = block(disturbed)
            losses.append(squared_distance(inverse(above), disturbed))
        self.drawn += 1
        return losses


def dtp_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """Difference target propagation (DTP); inverses have the network's activation."""
    learning = settings.learning
    stage = TargetPropagationStage(network, network.blocks[0].activation, learning.target_rate, learning.inverse_noise)
    stage.learn_with(learning.rate, learning.weight_decay)
    return Learner([stage], network.classes, settings.training.precision)


class DifferenceTargetPropagation(Learner):
    """Difference target propagation (Lee et al. 2015) of any layers that give features."""

    def __init__(
        self,
        layers: Iterable[nn.Module],
        shape: Sequence[int],
        *,
        activation: nn.Module | None = None,
        target_rate: float = 0.5,
        noise: float = 0.1,
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        """Draw an inverse for each hidden layer after the first.

        Args:
            layers: modules from the input side, or an `nn.Sequential`; the last gives a score for each class.
            shape: of a sample, as `Dataset.shape` has it.
            activation: of the inverses; none by default.
            target_rate: of the step down the loss's gradient that makes the last hidden layer's target.
            noise: standard deviation of what is added to activations where an inverse learns.
            optimizer: of the parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of Adam in its place (default: 5e-4).
            precision: auto, float32 or bfloat16.
            seed: of inverses and noise.

        Raises:
            InputError: an argument that cannot be used, or a hidden layer whose outputs are not (features,).
        """
        require_number("target_rate", target_rate, 0.0, open_low=True)
        require_number("noise", noise, 0.0)
        if not isinstance(activation, nn.Module | None):
            raise InputError(
                f"activation: is of type {type(activation).__name__}: must be a torch.nn.Module, such as nn.Tanh()"
            )
        chain = Chain(layers, shape, seed)
        chain.require_hidden("target propagation")
        stage = TargetPropagationStage(chain, activation or nn.Identity(), target_rate, noise)
        stage.to(next(chain.parameters()))
        stage.learn_with(optimizer=chosen(optimizer, rate))
        super().__init__([stage], chain.classes, precision)
        named = None if activation is None else " ".join(str(activation).split())
        self.options = {"activation": named, "target_rate": target_rate, "noise": noise, "seed": seed}
