"""The Forward-Forward algorithm: one pass with the right label in the input and one with a wrong one.

Hinton 2022, arXiv:2212.13345, Sec. 3. The label takes the place of the first entries of the input. A layer's goodness
is the sum of its squared outputs; the layer learns to have more of it than a threshold on right labels and less on
wrong ones. What it hands on is brought to one length, so that its goodness is hidden from the next layer. A class is
as likely as its label has goodness, in all hidden layers but the first.
"""

from collections.abc import Iterable, Iterator, Sequence
from math import prod

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctsigprop.discrete.chain import Chain
from ctsigprop.discrete.network import Network
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Learner, Signal, Stage, Step
from ctsigprop.layered.optimizers import MakeOptimizer, chosen
from ctsigprop.layered.seeding import Draws, Use, generator
from ctsigprop.settings.checks import require_number
from ctsigprop.settings.discrete import DiscreteSettings, Precision


class ForwardForwardStage(Draws, Stage):
    """A hidden layer that learns to tell right labels from wrong ones.

    Attributes:
        place: of the layer, from 1; the first puts the labels into the inputs.
        block: the layer.
        classes: how many labels there are.
        threshold: of the goodness, a unit.
        label: value of the entry of a label in the input.
        seed: of the wrong labels.
    """

    def __init__(self, place: int, block: nn.Module, classes: int, threshold: float, label: float, seed: int) -> None:
        """A stage that has not begun to learn; arguments as the attributes."""
        super().__init__(f"layer {place}")
        self.place, self.block, self.classes = place, block, classes
        self.threshold, self.label, self.seed = threshold, label, seed

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """One update, by samples with their own labels and then with wrong ones, which follow in one batch.

        Its scores are of these two classes alone: a sample is counted as wrong where the wrong label has more goodness.
        """
        h, wrong = signal.h.detach(), self._wrong(labels)
        if self.place == 1:
            h = torch.cat([with_labels(h, F.one_hot(one, self.classes), self.label) for one in (labels, wrong)])
        h = self.block(of_one_length(h))
        surplus = goodness(h) - self.threshold * h[0].numel()
        right, other = surplus.split(len(labels))
        loss = F.softplus(torch.cat((-right, other))).mean()
        self.update(loss)
        scores = right.new_full((len(labels), self.classes), -torch.inf)
        scores.scatter_(1, labels[:, None], right.detach()[:, None])
        scores.scatter_(1, wrong[:, None], other.detach()[:, None])
        return Signal(h.detach()), Step(loss.detach(), scores)

    def forward(self, signal: Signal) -> Signal:
        """Passes samples that have a label in them, and adds up the goodness, (samples,)."""
        h = self.block(of_one_length(signal.h))
        found = goodness(h)
        before = signal.exit if self.place > 2 else None
        return Signal(h, exit=found if before is None else before + found)

    def scores(self, signal: Signal) -> Tensor | None:
        """Goodness in the layers so far, the first left out where there are others."""
        return signal.exit

    def _wrong(self, labels: Tensor) -> Tensor:
        """A label other than its own for each sample, the same in every layer."""
        source = generator(self.seed, 0, Use.NOISE, self.drawn)
        self.drawn += 1
        ahead = torch.randint(1, self.classes, (len(labels),), generator=source).to(labels.device)
        return (labels + ahead) % self.classes


def goodness(h: Tensor) -> Tensor:
    """Sum of the squared outputs of each sample, (samples, ...) to (samples,), in float32 at least."""
    return h.flatten(1).to(torch.promote_types(h.dtype, torch.float32)).square().sum(1)


def of_one_length(h: Tensor) -> Tensor:
    """Each sample divided by the root mean square of its entries."""
    return h / (goodness(h) / h[0].numel() + 1e-8).sqrt().to(h.dtype).view(-1, *[1] * (h.ndim - 1))


def with_labels(x: Tensor, onehot: Tensor, value: float) -> Tensor:
    """Inputs whose first entries are the one-hot labels, times a value.

    Args:
        x: shape (samples, ...).
        onehot: shape (samples, classes).
        value: of a label's entry.
    """
    rows = x.flatten(1)
    return torch.cat((value * onehot.to(x.dtype), rows[:, onehot.shape[1] :]), 1).view(x.shape)


class GoodnessLearner(Learner):
    """Predicts the label that has the most goodness."""

    stages: Sequence[ForwardForwardStage]

    def signals(self, inputs: Tensor) -> Iterator[Signal]:
        """Inputs as they are, and the goodness of every label, (samples, classes): labels are tried one by one."""
        of_labels: list[list[Tensor]] = []
        for label in torch.eye(self.classes, device=inputs.device):
            labelled = with_labels(inputs, label.expand(len(inputs), -1), self.stages[0].label)
            of_labels.append([signal.exit for signal in super().signals(labelled) if signal.exit is not None])
        for found in zip(*of_labels, strict=True):
            yield Signal(inputs, exit=torch.stack(found, 1))


def stages_of(
    network: Network | Chain, shape: Sequence[int], threshold: float, label: float
) -> list[ForwardForwardStage]:
    """The hidden layers, each with its own goodness.

    Args:
        network: its last layer is left out.
        shape: of a sample.
        threshold: of the goodness, a unit.
        label: value of a label's entry in the input.

    Raises:
        InputError: a sample has fewer entries than there are classes.
    """
    if prod(shape) <= network.classes:
        found = f"{prod(shape)} entries a sample, of which labels take {network.classes}"
        raise InputError(f"data: have {found}: Forward-Forward needs more: choose another rule")
    return [
        ForwardForwardStage(place, block, network.classes, threshold, label, network.seed)
        for place, block in enumerate(network.blocks, start=1)
    ]


def ff_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """Forward-Forward (FF): hidden layers alone, which need no classification layer."""
    learning = settings.learning
    stages = stages_of(network, network.blocks[0].inputs, learning.threshold, learning.label_strength)
    for stage in stages:
        stage.learn_with(learning.rate, learning.weight_decay)
    return GoodnessLearner(stages, network.classes, settings.training.precision)


class ForwardForward(GoodnessLearner):
    """The Forward-Forward algorithm (Hinton 2022) of any layers, each of which learns by itself."""

    def __init__(
        self,
        layers: Iterable[nn.Module],
        shape: Sequence[int],
        *,
        threshold: float = 1.0,
        label_strength: float = 5.0,
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        """Take the hidden layers.

        Args:
            layers: modules from the input side, or an `nn.Sequential`; the last, which gives a score for each class to
                other rules, says how many classes there are, and is left out.
            shape: of a sample, as `Dataset.shape` has it.
            threshold: of the goodness, a unit: of outputs whose mean square is more, a label is taken for right.
            label_strength: value of a label's entry in the input.
            optimizer: of the parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of Adam in its place (default: 5e-4).
            precision: auto, float32 or bfloat16.
            seed: of the wrong labels.

        Raises:
            InputError: an argument that cannot be used, or fewer entries in a sample than there are classes.
        """
        require_number("threshold", threshold, 0.0, open_low=True)
        require_number("label_strength", label_strength, 0.0, open_low=True)
        chain = Chain(layers, shape, seed)
        chain.require_hidden("Forward-Forward")
        stages = stages_of(chain, shape, threshold, label_strength)
        for stage in stages:
            stage.to(next(chain.parameters()).device)
            stage.learn_with(optimizer=chosen(optimizer, rate))
        super().__init__(stages, chain.classes, precision)
        self.options = {"threshold": threshold, "label_strength": label_strength, "seed": seed}
