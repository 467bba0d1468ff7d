"""Synthetic gradients: each layer is updated at once by a prediction of the gradient at its output.

Jaderberg et al. 2017, ICML (decoupled neural interfaces, cDNI). A predictor beside each hidden layer is given the
layer's output and the label. It learns from the gradient at the next layer's input, which the next layer's own
predicted gradient makes; that of the last hidden layer is the loss's.
"""

from collections.abc import Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ctsigprop.discrete.chain import Chain, require_dimensions
from ctsigprop.discrete.losses import squared_distance
from ctsigprop.discrete.network import Network
from ctsigprop.layered.learner import Learner, Signal, Step
from ctsigprop.layered.optimizers import MakeOptimizer, chosen
from ctsigprop.layered.output import OutputStage
from ctsigprop.layered.refusals import require_finite_loss
from ctsigprop.settings.discrete import DiscreteSettings, Precision


class Predictor(nn.Module):
    """The gradient at a layer's output, linear in the output and the one-hot label; zero at first.

    Of images a convolution with 3x3 kernels, to which the label is one map a class.
    """

    def __init__(self, shape: tuple[int, ...], classes: int) -> None:
        """Of outputs of that shape, (features,) or (channels, height, width)."""
        super().__init__()
        width, *sides = shape
        self.linear = nn.Conv2d(width + classes, width, 3, padding=1) if sides else nn.Linear(width + classes, width)
        for parameter in self.parameters():
            nn.init.zeros_(parameter)

    def forward(self, h: Tensor, onehot: Tensor) -> Tensor:
        """Of each sample's own loss, shaped as h, (samples, ...); labels are (samples, classes)."""
        label = onehot.to(h.dtype).view(*onehot.shape, *[1] * (h.ndim - 2)).expand(-1, -1, *h.shape[2:])
        return self.linear(torch.cat((h, label), 1))


class SyntheticStage(OutputStage):
    """A network whose hidden layers learn by predicted gradients.

    Attributes:
        predictors: one beside each hidden layer.
    """

    layer: Network | Chain

    def __init__(self, network: Network | Chain) -> None:
        """Makes the predictors.

        Raises:
            InputError: a hidden layer's outputs are neither features nor images.
        """
        super().__init__("network", network)
        require_dimensions(network.shapes, (1, 3), "predictors take (features,) or (channels, height, width)")
        self.predictors = nn.ModuleList(Predictor(shape, network.classes) for shape in network.shapes)

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """One update of the layers by predicted gradients, and of the predictors by those that came back.

        The predictors' loss is the squared distance of the two, summed over an output and averaged over samples.
        """
        samples, onehot = len(labels), F.one_hot(labels, self.layer.classes)
        h, entered, left = signal.h.detach(), [], []
        for block in self.layer.blocks:
            left.append(block(h))
            h = left[-1].detach().requires_grad_()
            entered.append(h)
        logits = self.layer.read(h)
        loss = F.cross_entropy(logits, labels)
        require_finite_loss(self.name, loss)
        predicted = [predict(h.detach(), onehot) for predict, h in zip(self.predictors, entered, strict=True)]
        applied = [(one.detach() / samples).to(h.dtype) for one, h in zip(predicted, left, strict=True)]
        torch.autograd.backward([loss, *left], [None, *applied])
        came = [samples * h.grad for h in entered if h.grad is not None]
        apart = [squared_distance(one, true) for one, true in zip(predicted, came, strict=True)]
        self.update(torch.stack(apart).sum())
        return Signal(logits.detach()), Step(loss.detach(), logits.detach())


def sg_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """Synthetic gradients (SG)."""
    stage = SyntheticStage(network)
    stage.learn_with(settings.learning.rate, settings.learning.weight_decay)
    return Learner([stage], network.classes, settings.training.precision)


class SyntheticGradients(Learner):
    """Synthetic gradients (Jaderberg et al. 2017) of any layers."""

    def __init__(
        self,
        layers: Iterable[nn.Module],
        shape: Sequence[int],
        *,
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
        precision: Precision = "float32",
    ) -> None:
        """Put a predictor of gradients beside each hidden layer.

        Args:
            layers: modules from the input side, or an `nn.Sequential`; the last gives a score for each class.
            shape: of a sample, as `Dataset.shape` has it.
            optimizer: of the parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of Adam in its place (default: 5e-4).
            precision: auto, float32 or bfloat16.

        Raises:
            InputError: an argument that cannot be used, or a hidden layer whose outputs are neither (features,) nor
                (channels, height, width).
        """
        chain = Chain(layers, shape, seed=0)
        chain.require_hidden("learning by synthetic gradients")
        stage = SyntheticStage(chain)
        stage.to(next(chain.parameters()))
        stage.learn_with(optimizer=chosen(optimizer, rate))
        super().__init__([stage], chain.classes, precision)
