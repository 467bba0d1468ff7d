"""Local learning: each hidden layer has losses of its own, read through auxiliary layers (Noekland & Eidnes 2019).

The losses are predsim's, their Sec. 2: a prediction loss, cross entropy of a linear classifier, and a similarity
matching loss, which compares the cosine similarities within a batch, after one more layer, with those of the labels.
Both see the layer's output as the next layer gets it, behind dropout and pooling (they: before them), so that the
classifier is an early exit.

LL-BP backpropagates through the two auxiliary layers. LL-FA takes random feedback through them, and the labels
through a third, a fixed random projection: so the paper counts (Sec. VII). The projection is that of their
backpropagation-free variant: the prediction loss compares the projections' signs, the similarity loss projections.
"""

from collections.abc import Iterable, Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ctsigprop.discrete.chain import Chain
from ctsigprop.discrete.network import Network
from ctsigprop.discrete.rules.feedback import FeedbackLinear, with_feedback
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Learner, Signal, Stage, Step
from ctsigprop.layered.optimizers import MakeOptimizer, chosen
from ctsigprop.layered.output import OutputStage, classification
from ctsigprop.layered.seeding import Use, draw_weights, generator
from ctsigprop.settings.checks import require_number
from ctsigprop.settings.discrete import DiscreteSettings, Precision

FEATURES = 2048
"""A classifier sees at most so many features of a convolutional layer, or else one a channel."""

CODE = 128
"""Entries of a projected label (Noekland & Eidnes 2019)."""


class LocalStage(Stage):
    """A hidden layer with its auxiliary layers, LL-BP.

    Attributes:
        block: the hidden layer.
        pool: averages images to at most `FEATURES` features.
        classifier: of the prediction loss.
        similar: the layer before similarities are taken.
        codes: of the classes, (classes, entries): one-hot.
        similarity_weight: of the similarity loss; the prediction loss has the rest.
    """

    codes: Tensor

    def __init__(
        self, place: int, block: nn.Module, outputs: tuple[int, ...], codes: Tensor, similarity_weight: float, seed: int
    ) -> None:
        """Draws the auxiliary layers.

        Args:
            place: of the hidden layer, from 1.
            block: the hidden layer.
            outputs: shape of a sample as it leaves the hidden layer: (features,) or (channels, height, width).
            codes: see the class.
            similarity_weight: see the class.
            seed: of the run.
        """
        super().__init__(f"layer {place}")
        self.block = block
        self.similarity_weight = similarity_weight
        self.register_buffer("codes", codes)
        source = generator(seed, place, Use.AUXILIARY)
        size = _pooled(outputs)
        self.pool = nn.AdaptiveAvgPool2d(size[1:]) if len(size) == 3 else nn.Identity()
        self.classifier = nn.Linear(prod(size), codes.shape[1])
        self.similar = _same_size(outputs)
        draw_weights(self.classifier, source)
        draw_weights(self.similar, source)

    def forward(self, signal: Signal) -> Signal:
        """Through the hidden layer alone."""
        return Signal(self.block(signal.h))

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """One update down the gradient of w L_sim + (1 - w) L_pred."""
        h = self.block(signal.h)
        predicted = self.predict(h)
        codes = self.codes[labels]
        likeness = F.mse_loss(similarities(self.similar(h)), similarities(codes))
        weight = self.similarity_weight
        loss = weight * likeness + (1 - weight) * self.prediction_loss(predicted, labels)
        self.update(loss)
        return Signal(h.detach()), Step(loss.detach(), self.class_scores(predicted.detach()))

    def scores(self, signal: Signal) -> Tensor:
        """The classifier's."""
        return self.class_scores(self.predict(signal.h))

    def predict(self, h: Tensor) -> Tensor:
        """What the classifier gives, (samples, entries of a code)."""
        return self.classifier(self.pool(h).flatten(1))

    def prediction_loss(self, predicted: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy."""
        return F.cross_entropy(predicted, labels)

    def class_scores(self, predicted: Tensor) -> Tensor:
        """Logits of the classes."""
        return predicted


class AlignedLocalStage(LocalStage):
    """A hidden layer with its auxiliary layers, LL-FA.

    Attributes:
        codes: fixed random projections of the one-hot labels.
    """

    def __init__(
        self, place: int, block: nn.Module, outputs: tuple[int, ...], codes: Tensor, similarity_weight: float, seed: int
    ) -> None:
        """As LL-BP's; the auxiliary layers get their feedback weights."""
        super().__init__(place, block, outputs, codes, similarity_weight, seed)
        source = generator(seed, place, Use.FEEDBACK)
        self.classifier = FeedbackLinear(self.classifier, source)
        self.similar = with_feedback(self.similar, source)

    def prediction_loss(self, predicted: Tensor, labels: Tensor) -> Tensor:
        """Binary cross entropy against the signs of the codes."""
        return F.binary_cross_entropy_with_logits(predicted, self.bits[labels])

    def class_scores(self, predicted: Tensor) -> Tensor:
        """Log-likelihood of each class's bits, up to a term that the classes share."""
        return predicted @ self.bits.T

    @property
    def bits(self) -> Tensor:
        """Signs of the codes: 1 where positive, else 0; (classes, entries)."""
        return (self.codes > 0).to(self.codes.dtype)


def similarities(features: Tensor) -> Tensor:
    """Cosine similarities of centred features, shape (samples, samples); in float32 whatever the products are in.

    Args:
        features: (samples, features); of images (samples, channels, height, width) the standard deviation over each
            channel counts.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = features.to(torch.promote_types(features.dtype, torch.float32))
        if features.dim() == 4:
            features = features.std((2, 3)) if features[0, 0].numel() > 1 else features.flatten(1)
        centred = F.normalize(features - features.mean(1, keepdim=True))
        return centred @ centred.T


class LocalLoss(Learner):
    """Local learning (Noekland & Eidnes 2019) of any layers, each of which learns from losses of its own."""

    def __init__(
        self,
        layers: Iterable[nn.Module],
        shape: Sequence[int],
        *,
        random_feedback: bool = False,
        similarity_weight: float = 0.99,
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        """Give each hidden layer auxiliary layers; the last layer learns the labels.

        Args:
            layers: modules from the input side, or an `nn.Sequential`; the last gives a score for each class.
            shape: of a sample, as `Dataset.shape` has it.
            random_feedback: errors pass the auxiliary layers through fixed random weights (LL-FA).
            similarity_weight: of the similarity loss, from 0 to 1; the prediction loss has the rest.
            optimizer: of the parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of Adam in its place (default: 5e-4).
            precision: auto, float32 or bfloat16.
            seed: of the auxiliary layers.

        Raises:
            InputError: an argument that cannot be used, or a hidden layer whose outputs are neither (features,) nor
                (channels, height, width).
        """
        require_number("similarity_weight", similarity_weight, 0.0, 1.0)
        chain = Chain(layers, shape, seed)
        chain.require_hidden("local learning")
        for place, found in enumerate(chain.shapes, start=1):
            if len(found) not in (1, 3):
                allowed = "(features,) or (channels, height, width): flatten them"
                raise InputError(f"layer {place}: gives outputs of shape {found}: local learning takes {allowed}")
        stages = local_stages(chain, similarity_weight, random_feedback=random_feedback)
        stages.append(OutputStage("output", chain.output))
        for stage in stages:
            stage.learn_with(optimizer=chosen(optimizer, rate))
        super().__init__(stages, chain.classes, precision)
        self.options = {"random_feedback": random_feedback, "similarity_weight": similarity_weight, "seed": seed}
        self.to(next(chain.parameters()))


def local_stages(network: Network | Chain, similarity_weight: float, *, random_feedback: bool) -> list[Stage]:
    """The hidden layers, each with its auxiliary layers."""
    stages: list[Stage] = []
    for place, (block, outputs) in enumerate(zip(network.blocks, network.shapes, strict=True), start=1):
        if random_feedback:
            source = generator(network.seed, place, Use.LABELS)
            codes = torch.randn(network.classes, CODE, generator=source)
            stages.append(AlignedLocalStage(place, block, outputs, codes, similarity_weight, network.seed))
        else:
            codes = torch.eye(network.classes)
            stages.append(LocalStage(place, block, outputs, codes, similarity_weight, network.seed))
    return stages


def local_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """Local learning: ll-bp or ll-fa, as the settings say."""
    learning = settings.learning
    stages = local_stages(network, learning.similarity_weight, random_feedback=learning.algorithm == "ll-fa")
    for stage in stages:
        stage.learn_with(learning.rate, learning.weight_decay)
    stages.append(classification(network.output))
    stages[-1].learn_with(settings.rates.get("learning.readout_rate", learning.rate), learning.weight_decay)
    return Learner(stages, network.classes, settings.training.precision)


def _pooled(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Images halved, the longer side first, until no more than `FEATURES` features are left."""
    if len(shape) == 1:
        return shape
    channels, height, width = shape
    while channels * height * width > FEATURES and max(height, width) > 1:
        height, width = (-(-height // 2), width) if height >= width else (height, -(-width // 2))
    return channels, height, width


def _same_size(shape: tuple[int, ...]) -> nn.Linear | nn.Conv2d:
    """A layer whose outputs are shaped as its inputs: linear, or a convolution with 3x3 kernels."""
    if len(shape) == 1:
        return nn.Linear(shape[0], shape[0], bias=False)
    return nn.Conv2d(shape[0], shape[0], 3, padding=1, bias=False)
