"""Signal propagation on real digits: classes, a regression and a segmentation that share the first layer's weights."""

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctsigprop.data import load
from ctsigprop.discrete.losses import HebbianLoss, PredictionLoss, negative_l2
from ctsigprop.discrete.rules.sigprop import SigpropLearner
from ctsigprop.discrete.sparse import Layout
from ctsigprop.discrete.targets import SharedTarget, TargetInput, TargetLoop, TargetOnly
from ctsigprop.layered.learner import Learner

BATCH = 64


class Digits:
    """Clean images in [0, 1], (samples, 1, 8, 8), with their classes, and noisy copies of them."""

    def __init__(self) -> None:
        data = load("digits")
        self.train, self.test = (
            torch.from_numpy(split.channels_first() / split.maximum).float() for split in (data.train, data.test)
        )
        self.labels, self.test_labels = torch.from_numpy(data.train.labels), torch.from_numpy(data.test.labels)
        self.random = torch.Generator().manual_seed(0)
        self.noisy_test = self.noisy(self.test)

    def noisy(self, images: Tensor) -> Tensor:
        return images + 0.5 * torch.randn(images.shape, generator=self.random)

    def batches(self, epochs: int) -> Iterator[Tensor]:
        """Indices of training samples."""
        for _ in range(epochs):
            order = torch.randperm(len(self.train), generator=self.random)
            yield from order[: len(order) // BATCH * BATCH].split(BATCH)


@pytest.fixture
def digits() -> Digits:
    torch.manual_seed(1)
    return Digits()


def error(scores: Tensor, labels: Tensor) -> float:
    """Percent."""
    return 100 * (scores.argmax(1) != labels).float().mean().item()


def linear(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(before, after), nn.BatchNorm1d(after), nn.LeakyReLU(0.01))


def convolution(before: int, after: int) -> nn.Module:
    return nn.Sequential(nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(0.01))


def learn_classes(learner: Learner, digits: Digits, epochs: int) -> dict[str, float]:
    """Test error of every exit."""
    for batch in digits.batches(epochs):
        learner.step(digits.train[batch], digits.labels[batch])
    exits = learner.eval().scores(digits.test)
    return {name: error(scores, digits.test_labels) for name, scores in exits.items()}


@pytest.mark.parametrize("size", [None, 32])
def test_every_layer_predicts_dense_and_sparse(digits, size):
    generator = TargetOnly(10, Layout((64,), size))
    learner = SigpropLearner([linear(64, 64), linear(64, 64)], generator, 10, output=nn.Linear(64, 10), rate=2e-3)
    errors = learn_classes(learner, digits, 12)
    assert list(errors) == ["layer 1", "layer 2", "output"]
    assert max(errors.values()) < 8


def test_the_output_target_predicts_by_distance(digits):
    layers, loss = [linear(64, 64), linear(64, 64)], PredictionLoss(negative_l2)
    errors = learn_classes(SigpropLearner(layers, TargetOnly(10, Layout((64,))), 10, loss=loss, rate=2e-3), digits, 12)
    assert list(errors) == ["layer 1", "layer 2"]
    assert errors["layer 2"] < 8


@pytest.mark.parametrize(
    "make",
    [
        lambda: TargetInput(10, Layout((64,))),
        lambda: TargetLoop(10, Layout((64,))),
        lambda: TargetLoop(10, Layout((64,)), error_rate=1.0),
    ],
    ids=["input", "loop", "loop-error"],
)
def test_targets_of_each_sample_teach(digits, make):
    learner = SigpropLearner([linear(64, 64), linear(64, 64)], make(), 10, output=nn.Linear(64, 10), rate=2e-3)
    assert learn_classes(learner, digits, 12)["output"] < 12


def test_the_hebbian_rule_teaches(digits):
    generator = TargetOnly(10, Layout((64,)))
    layers = [linear(64, 64), linear(64, 64)]
    learner = SigpropLearner(layers, generator, 10, output=nn.Linear(64, 10), loss=HebbianLoss(), rate=2e-3)
    assert learn_classes(learner, digits, 12)["output"] < 12


def learn_images(learner: Learner, digits: Digits, signal: Callable[[Tensor], Tensor], epochs: int) -> Tensor:
    """Outputs for noisy test images, after learning from noisy images and a signal made of the clean ones."""
    for batch in digits.batches(epochs):
        clean = digits.train[batch]
        learner.step(digits.noisy(clean), signal(clean))
    return learner.eval().scores(digits.noisy_test)["output"]


def untrained(learner: Learner) -> Learner:
    """The hidden layers stay as they were drawn, but for the statistics of batch normalisation."""
    for stage in list(learner.stages)[:-1]:
        stage.optimizer.param_groups[0]["lr"] = 0.0
    return learner


def surely_less(errors: Tensor, others: Tensor) -> bool:
    """Whether the first error is smaller by more than four standard deviations of its mean over the images."""
    gap = others - errors
    return bool(gap.mean() > 4 * gap.std() / len(gap) ** 0.5)


def test_denoising_learns_more_than_its_output_layer(digits):
    """Regression: the clean image is the learning signal, and passes the first layer as a noisy one does."""

    def learner() -> Learner:
        torch.manual_seed(1)
        output = nn.Sequential(nn.Linear(128, 64), nn.Unflatten(1, (1, 8, 8)))
        layers = [linear(64, 128), linear(128, 128)]
        return SigpropLearner(layers, SharedTarget(), 0, output=output, output_loss=F.mse_loss, rate=2e-3)

    def errors(images: Tensor) -> Tensor:
        return (images - digits.test).square().mean((1, 2, 3))

    learned, drawn = (
        errors(learn_images(made, digits, lambda clean: clean, 12)) for made in (learner(), untrained(learner()))
    )
    assert surely_less(learned, drawn)
    assert surely_less(learned, errors(digits.train.mean(0)))


def test_segmentation_learns_more_than_its_output_layer(digits):
    """The mask of the foreground is the learning signal; better too than any threshold on a noisy pixel."""

    def mask(clean: Tensor) -> Tensor:
        return (clean > 0.3).float()

    def learner() -> Learner:
        torch.manual_seed(1)
        layers = [convolution(1, 16), convolution(16, 16)]
        output, loss = nn.Conv2d(16, 1, 3, padding=1), F.binary_cross_entropy_with_logits
        return SigpropLearner(layers, SharedTarget(), 0, output=output, output_loss=loss, rate=2e-3)

    def wrong(images: Tensor) -> Tensor:
        return (images.bool() != mask(digits.test).bool()).float().mean((1, 2, 3))

    learned, drawn = (wrong(learn_images(made, digits, mask, 6) > 0) for made in (learner(), untrained(learner())))
    best_threshold = min((wrong(digits.noisy_test > level / 20) for level in range(20)), key=Tensor.mean)
    assert surely_less(learned, drawn)
    assert surely_less(learned, best_threshold)
