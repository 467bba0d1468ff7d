"""Direct feedback alignment beyond its gradients: what the error does and does not pass through."""

import pytest
import torch

from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.settings.discrete import DiscreteLearningSettings, DiscreteNetworkSettings, DiscreteSettings


def learner(algorithm, **network):
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings(dropout=0.0, **network), learning=DiscreteLearningSettings(algorithm=algorithm)
    )
    made = learner_for(settings, (1, 8, 8), 4)
    made.stages[0].optimizer = torch.optim.SGD(made.parameters(), lr=1.0)
    return made


def first_update(made, x, y, disturb):
    """Of the first hidden layer's weights, with an output layer of zeros, so that no forward weight moves the error."""
    network = made.stages[0].layer
    with torch.no_grad():
        network.output.weight.zero_()
        if disturb:
            network.blocks[1].layer.weight.normal_(generator=torch.Generator().manual_seed(7))
    before = network.blocks[0].layer.weight.detach().clone()
    made.step(x, y)
    return before - network.blocks[0].layer.weight.detach()


@pytest.mark.parametrize("network", [{"hidden": (9, 8, 7)}, {"architecture": "conv"}], ids=["fc", "conv"])
def test_the_error_does_not_pass_the_layers_above(network):
    x, y = torch.randn(6, 1, 8, 8), torch.arange(6) % 4
    assert first_update(learner("bp", **network), x, y, disturb=False).abs().max() == 0
    update = first_update(learner("dfa", **network), x, y, disturb=False)
    assert update.abs().max() > 0
    assert torch.equal(update, first_update(learner("dfa", **network), x, y, disturb=True))


def test_no_projection_no_update():
    made = learner("dfa", hidden=(9, 8))
    made.stages[0].get_buffer("feedback_1").zero_()
    before = [one.layer.weight.detach().clone() for one in made.stages[0].layer.blocks]
    made.step(torch.randn(6, 1, 8, 8), torch.arange(6) % 4)
    moved = [
        not torch.equal(one.layer.weight, old) for one, old in zip(made.stages[0].layer.blocks, before, strict=True)
    ]
    assert moved == [False, True]


def test_projections_are_fixed_and_shaped_as_the_outputs():
    made = learner("dfa", architecture="conv")
    shapes = [tuple(one.shape) for one in made.stages[0].projections]
    assert shapes == [(4, 96 * 16), (4, 128 * 4), (4, 256), (4, 2048), (4, 2048)]
    before = [one.clone() for one in made.stages[0].projections]
    made.step(torch.randn(6, 1, 8, 8), torch.arange(6) % 4)
    assert all(torch.equal(one, old) for one, old in zip(made.stages[0].projections, before, strict=True))
