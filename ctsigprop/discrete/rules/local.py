"""Local learning: each hidden layer has losses of its own, read from its activations (Noekland & Eidnes 2019).

The losses are predsim's, their Sec. 2: a prediction loss of a linear classifier that begins at zero, and a similarity
matching loss, which compares the cosine similarities within a batch with those of the labels. Both are of the layer's
activations, before dropout and pooling.

LL-BP takes cross entropy, and similarities behind one more layer, through which errors are propagated back. LL-FA is
their backpropagation-free variant: labels pass a fixed random projection, whose signs the classifier predicts and whose
similarities the activations are to have as they are; errors of the classifier return through fixed random weights.
"""

from collections.abc import Iterable, Sequence
from math import prod

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ctsigprop.discrete.chain import Chain, require_dimensions
from ctsigprop.discrete.halves import halves
from ctsigprop.discrete.network import Network
from ctsigprop.discrete.rules.feedback import FeedbackLinear
from ctsigprop.layered.learner import Learner, Signal, Stage, Step
from ctsigprop.layered.optimizers import MakeOptimizer, chosen
from ctsigprop.layered.output import OutputStage, classification
from ctsigprop.layered.seeding import Use, draw_uniform, draw_weights, generator
from ctsigprop.settings.checks import require_number
from ctsigprop.settings.discrete import DiscreteSettings, Precision

CODE = 128
"""Entries of a projected label (Noekland & Eidnes 2019)."""


class LocalStage(Stage):
    """A hidden layer with its classifier, and its losses.

    Attributes:
        features: a classifier sees at most so many of a convolutional layer, or else one a channel.
        similarity_weight: of the similarity loss; the prediction loss has the rest.
        block: the hidden layer.
        pool: averages images to at most `features` features.
        classifier: of the prediction loss; begins at zero.
        codes: of the classes, shape (classes, entries).
    """

    features: int
    codes: Tensor

    def __init__(
        self, place: int, block: nn.Module, activated: tuple[int, ...], codes: Tensor, similarity_weight: float
    ) -> None:
        """Makes the classifier.

        Args:
            place: of the hidden layer, from 1.
            block: the hidden layer.
            activated: shape of a sample's activations: (features,) or (channels, height, width).
            codes: see the class.
            similarity_weight: see the class.
        """
        super().__init__(f"layer {place}")
        self.block = block
        self.similarity_weight = similarity_weight
        self.register_buffer("codes", codes)
        size = _pooled(activated, self.features)
        self.pool = nn.AdaptiveAvgPool2d(size[1:]) if len(size) == 3 else nn.Identity()
        self.classifier = nn.Linear(prod(size), codes.shape[1])
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, signal: Signal) -> Signal:
        """Through the hidden layer, with the classifier's scores as the exit."""
        before, behind = halves(self.block)
        a = before(signal.h)
        return Signal(behind(a), exit=self.class_scores(self.predict(a)))

    def step(self, signal: Signal, labels: Tensor) -> tuple[Signal, Step]:
        """One update down the gradient of w L_sim + (1 - w) L_pred."""
        before, behind = halves(self.block)
        a = before(signal.h)
        predicted = self.predict(a)
        likeness = F.mse_loss(similarities(self.compared(a)), similarities(self.codes[labels]))
        weight = self.similarity_weight
        loss = weight * likeness + (1 - weight) * self.prediction_loss(predicted, labels)
        self.update(loss)
        return Signal(behind(a.detach())), Step(loss.detach(), self.class_scores(predicted.detach()))

    def scores(self, signal: Signal) -> Tensor | None:
        """The classifier's."""
        return signal.exit

    def predict(self, a: Tensor) -> Tensor:
        """What the classifier makes of activations, (samples, entries of a code)."""
        return self.classifier(self.pool(a).flatten(1))

    def compared(self, a: Tensor) -> Tensor:
        """What the similarity loss makes of activations."""
        raise NotImplementedError

    def prediction_loss(self, predicted: Tensor, labels: Tensor) -> Tensor:
        """A scalar, of what `predict` gives."""
        raise NotImplementedError

    def class_scores(self, predicted: Tensor) -> Tensor:
        """Scores of the classes, of what `predict` gives."""
        raise NotImplementedError


class PredsimStage(LocalStage):
    """LL-BP: similarities are taken behind a layer that learns; codes are one-hot.

    Attributes:
        similar: that layer, linear or a convolution with 3x3 kernels, whose outputs are shaped as its inputs.
    """

    features = 2048

    def __init__(
        self,
        place: int,
        block: nn.Module,
        activated: tuple[int, ...],
        classes: int,
        similarity_weight: float,
        seed: int,
    ) -> None:
        """Draws the layer before similarities are taken; see `LocalStage`."""
        super().__init__(place, block, activated, torch.eye(classes), similarity_weight)
        width, *sides = activated
        self.similar = (
            nn.Conv2d(width, width, 3, padding=1, bias=False) if sides else nn.Linear(width, width, bias=False)
        )
        draw_weights(self.similar, generator(seed, place, Use.AUXILIARY))

    def compared(self, a: Tensor) -> Tensor:
        """Behind the layer."""
        return self.similar(a)

    def prediction_loss(self, predicted: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy."""
        return F.cross_entropy(predicted, labels)

    def class_scores(self, predicted: Tensor) -> Tensor:
        """Logits of the classes."""
        return predicted


class BackpropFreeStage(LocalStage):
    """LL-FA: no error is propagated back but within the hidden layer; codes are a fixed random projection."""

    features = 4096

    def __init__(
        self,
        place: int,
        block: nn.Module,
        activated: tuple[int, ...],
        classes: int,
        similarity_weight: float,
        seed: int,
    ) -> None:
        """Draws the projection and the feedback weights; see `LocalStage`."""
        projection = draw_uniform(torch.empty(CODE, classes), generator(seed, place, Use.LABELS))
        super().__init__(place, block, activated, projection.T.contiguous(), similarity_weight)
        self.classifier = FeedbackLinear(self.classifier, generator(seed, place, Use.FEEDBACK))

    def compared(self, a: Tensor) -> Tensor:
        """As the classifier sees them."""
        return self.pool(a)

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
            channel counts, where there are more than three channels and more than one row.
    """
    with torch.autocast(features.device.type, enabled=False):
        features = features.to(torch.promote_types(features.dtype, torch.float32))
        if features.dim() == 4:
            spread = features.shape[1] > 3 and features.shape[2] > 1
            features = features.std((2, 3)) if spread else features.flatten(1)
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
        similarity_weight: float | None = None,
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        """Give each hidden layer auxiliary layers; the last layer learns the labels.

        Args:
            layers: modules from the input side, or an `nn.Sequential`; the last gives a score for each class.
            shape: of a sample, as `Dataset.shape` has it.
            random_feedback: the backpropagation-free losses, with fixed random feedback (LL-FA).
            similarity_weight: of the similarity loss, from 0 to 1; the prediction loss has the rest (default: 0.99, and
                0.01 with random feedback).
            optimizer: of the parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of Adam in its place (default: 5e-4).
            precision: auto, float32 or bfloat16.
            seed: of the auxiliary layers.

        Raises:
            InputError: an argument that cannot be used, or a hidden layer whose activations are neither (features,) nor
                (channels, height, width).
        """
        if similarity_weight is None:
            similarity_weight = 0.01 if random_feedback else 0.99
        require_number("similarity_weight", similarity_weight, 0.0, 1.0)
        chain = Chain(layers, shape, seed)
        chain.require_hidden("local learning")
        require_dimensions(chain.activated, (1, 3), "local learning takes (features,) or (channels, height, width)")
        hidden = local_stages(chain, similarity_weight, random_feedback=random_feedback)
        stages = [*hidden, OutputStage("output", chain.output)]
        for stage in stages:
            stage.learn_with(optimizer=chosen(optimizer, rate))
        super().__init__(stages, chain.classes, precision)
        self.options = {"random_feedback": random_feedback, "similarity_weight": similarity_weight, "seed": seed}
        self.to(next(chain.parameters()))


def local_stages(network: Network | Chain, similarity_weight: float, *, random_feedback: bool) -> Sequence[LocalStage]:
    """The hidden layers, each with its own losses."""
    kind: type[PredsimStage | BackpropFreeStage] = BackpropFreeStage if random_feedback else PredsimStage
    return [
        kind(place, block, activated, network.classes, similarity_weight, network.seed)
        for place, (block, activated) in enumerate(zip(network.blocks, network.activated, strict=True), start=1)
    ]


def local_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """Local learning: ll-bp or ll-fa, as the settings say."""
    learning = settings.learning
    random_feedback = learning.algorithm == "ll-fa"
    weight = learning.similarity_weight_fa if random_feedback else learning.similarity_weight
    hidden = local_stages(network, weight, random_feedback=random_feedback)
    for stage in hidden:
        stage.learn_with(learning.rate, learning.weight_decay)
    output = classification(network.output)
    output.learn_with(settings.rates.get("learning.readout_rate", learning.rate), learning.weight_decay)
    return Learner([*hidden, output], network.classes, settings.training.precision)


def _pooled(shape: tuple[int, ...], features: int) -> tuple[int, ...]:
    """Images halved, the longer side first, until no more than so many features are left."""
    if len(shape) == 1:
        return shape
    channels, height, width = shape
    while channels * height * width > features and max(height, width) > 1:
        height, width = (-(-height // 2), width) if height >= width else (height, -(-width // 2))
    return channels, height, width
