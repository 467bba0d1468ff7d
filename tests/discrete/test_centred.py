"""Centred outputs: by the batch in training, by the batches of training in inference."""

import pytest
import torch

from ctsigprop.discrete.centred import Centred
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.discrete import DiscreteNetworkSettings, TargetSettings

BATCHES = [torch.randn(6, 3, 2, 2, generator=torch.Generator().manual_seed(seed)) for seed in range(5)]


def test_a_batch_in_training_has_mean_0_everywhere() -> None:
    centred = Centred((3, 2, 2))
    for batch in BATCHES:
        torch.testing.assert_close(centred(batch).mean(0), torch.zeros(3, 2, 2), atol=1e-6, rtol=0)


def test_inference_takes_off_the_moving_average_of_training() -> None:
    centred, expected = Centred((3, 2, 2), momentum=0.3), torch.zeros(3, 2, 2)
    for batch in BATCHES:
        centred(batch)
        expected = 0.7 * expected + 0.3 * batch.mean(0)
    centred.eval()
    torch.testing.assert_close(centred(BATCHES[0]), BATCHES[0] - expected)


def test_early_exits_do_not_depend_on_what_else_is_in_the_batch() -> None:
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings("fc", hidden=(9, 7)), target=TargetSettings(similarity="cosine")
    )
    learner, labels = learner_for(settings, (4, 4), 3), torch.arange(12) % 3
    images = torch.randn(12, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    for _ in range(3):
        learner.step(images, labels)
    learner.eval()
    together, alone = learner.scores(images), learner.scores(images[:1])
    assert together.keys() == {"layer 1", "layer 2", "output"}
    for name, scores in together.items():
        torch.testing.assert_close(scores[:1], alone[name])


@pytest.mark.parametrize("density", ["dense", "sparse"])
def test_means_have_the_grid_of_the_targets(density: str) -> None:
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings("vgg8b"), target=TargetSettings(similarity="cosine", density=density)
    )
    learner, images = learner_for(settings, (16, 16), 3), torch.rand(4, 1, 16, 16)
    learner.step(images, torch.arange(4) % 3)
    sides = {"dense": [16, 8, 8, 4, 2, 1], "sparse": [3, 3, 3, 3, 2, 1]}[density]
    shapes = [tuple(learner.get_buffer(f"stages.{place}.seen.mean").shape) for place in range(7)]
    assert [shape[1:] for shape in shapes] == [*((side, side) for side in sides), ()]
    assert len(learner.eval().scores(images)) == 8


def test_means_are_kept_with_the_weights() -> None:
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings("fc", hidden=(9,)), target=TargetSettings(similarity="cosine")
    )
    learner = learner_for(settings, (4, 4), 3)
    learner.step(torch.rand(6, 1, 4, 4), torch.arange(6) % 3)
    other = learner_for(settings, (4, 4), 3)
    other.load_arrays(learner.parameter_arrays())
    torch.testing.assert_close(other.get_buffer("stages.0.seen.mean"), learner.get_buffer("stages.0.seen.mean"))
