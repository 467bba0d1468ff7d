"""Backpropagation through the whole network, and the shallow reference, where only the classification layer learns."""

from collections.abc import Iterable, Sequence

from torch import nn

from ctsigprop.discrete.chain import Chain
from ctsigprop.discrete.network import Network
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.optimizers import MakeOptimizer, chosen
from ctsigprop.layered.output import OutputStage
from ctsigprop.settings.discrete import DiscreteSettings, Precision


class Backprop(Learner):
    """Backpropagation through any layers: one forward pass, one cross entropy, one backward pass."""

    def __init__(
        self,
        layers: Iterable[nn.Module],
        shape: Sequence[int],
        *,
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
        precision: Precision = "float32",
    ) -> None:
        """A learner of the layers, whose weights it changes in place.

        Args:
            layers: modules from the input side, or an `nn.Sequential`; the last gives a score for each class, without
                softmax.
            shape: of a sample, as `Dataset.shape` has it.
            optimizer: of the parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of Adam in its place (default: 5e-4).
            precision: auto, float32 or bfloat16.

        Raises:
            InputError: an argument that cannot be used, or layers that do not go together.
        """
        chain = Chain(layers, shape, seed=0)
        stage = OutputStage("network", chain)
        stage.learn_with(optimizer=chosen(optimizer, rate))
        super().__init__([stage], chain.classes, precision)


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
