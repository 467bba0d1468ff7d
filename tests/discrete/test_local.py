"""Local learning beyond its gradients: the losses, where they are taken, and what does not cross layers."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn
from torch.nn import functional as F

import ctsigprop as ct
from ctsigprop.discrete.halves import halves
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.discrete.rules.local import BackpropFreeStage, PredsimStage, similarities
from ctsigprop.layered.learner import Signal
from ctsigprop.settings.discrete import DiscreteLearningSettings, DiscreteNetworkSettings, DiscreteSettings


def learner(algorithm, shape=(1, 8, 8), learning=None, **network):
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings(**network),
        learning=DiscreteLearningSettings(algorithm=algorithm, **(learning or {})),
    )
    return learner_for(settings, shape, 4)


def block_update(made, stage, x, y):
    before = made.stages[stage].block.layer.weight.detach().clone()
    made.step(x, y)
    return made.stages[stage].block.layer.weight.detach() - before


def test_similarities_are_correlation_coefficients():
    random = np.random.default_rng(0)
    rows, images = random.normal(size=(7, 5)), random.normal(size=(7, 5, 4, 3))
    assert_allclose(similarities(torch.from_numpy(rows)), np.corrcoef(rows), atol=1e-12)
    spreads = images.std((2, 3), ddof=1)
    assert_allclose(similarities(torch.from_numpy(images)), np.corrcoef(spreads), atol=1e-12)
    assert_allclose(similarities(torch.from_numpy(rows[..., None, None])), np.corrcoef(rows), atol=1e-12)


def test_similarities_of_labels():
    codes = torch.eye(5)[torch.tensor([0, 0, 3])]
    expected = [[1, 1, -0.25], [1, 1, -0.25], [-0.25, -0.25, 1]]
    assert_allclose(similarities(codes), expected, atol=1e-6)


def test_alike_features_have_a_finite_gradient():
    features = torch.zeros(3, 4, 2, 2, requires_grad=True)
    similarities(features).sum().backward()
    assert torch.isfinite(features.grad).all()


@pytest.mark.parametrize("algorithm", ["ll-bp", "ll-fa"])
def test_no_gradient_crosses_layers(algorithm):
    x, y = torch.randn(8, 1, 8, 8), torch.arange(8) % 4
    plain, disturbed = (learner(algorithm, hidden=(9, 8, 7)) for _ in range(2))
    with torch.no_grad():
        for one in disturbed.stages[1].parameters():
            one.add_(1.0)
    assert torch.equal(block_update(plain, 0, x, y), block_update(disturbed, 0, x, y))

    made = learner(algorithm, hidden=(9, 8, 7))
    state = {name: value.clone() for name, value in made.named_parameters()}
    handed, _ = made.stages[0].step(Signal(x), y)
    assert handed.h.grad_fn is None
    assert not handed.h.requires_grad
    changed = {name.split(".")[1] for name, value in made.named_parameters() if not torch.equal(value, state[name])}
    assert changed == {"0"}


def test_without_feedback_and_similarity_the_hidden_layer_rests():
    """LL-FA: nothing but B carries the classifier's errors to the hidden layer."""
    x, y = torch.randn(8, 3, 16, 16), torch.arange(8) % 4
    made = learner("ll-fa", shape=(3, 16, 16), architecture="conv", learning={"similarity_weight_fa": 0.0})
    classifier = made.stages[0].classifier
    assert classifier.feedback.abs().max() > 0
    classifier.feedback.zero_()
    assert block_update(made, 0, x, y).abs().max() == 0
    assert classifier.weight.abs().max() > 0


@pytest.mark.parametrize(("algorithm", "most", "weight"), [("ll-bp", 2048, 0.99), ("ll-fa", 4096, 0.01)])
def test_what_the_authors_choose(algorithm, most, weight):
    made = learner(algorithm, shape=(3, 32, 32), architecture="vgg8b")
    hidden = made.stages[:-1]
    assert [stage.classifier.in_features for stage in hidden] == [most] * 6 + [1024]
    assert {stage.similarity_weight for stage in hidden} == {weight}
    assert all(not stage.classifier.weight.any() and not stage.classifier.bias.any() for stage in hidden)
    if algorithm == "ll-fa":
        for stage in hidden:
            assert stage.codes.shape == (4, 128)
            assert stage.codes.abs().max() <= 0.5
            assert 0.15 < stage.codes.abs().mean() < 0.35
        assert not [name for name, _ in made.named_parameters() if "similar" in name]


@pytest.mark.parametrize(("random_feedback", "stage"), [(False, PredsimStage), (True, BackpropFreeStage)])
def test_losses_and_exits_are_of_pooled_activations_before_dropout_and_max_pooling(random_feedback, stage, monkeypatch):
    monkeypatch.setattr(stage, "features", 100)
    conv, scores = nn.Conv2d(1, 6, 3, padding=1), nn.Linear(6 * 16, 4)
    layers = [conv, nn.ReLU(inplace=True), nn.Dropout(0.5), nn.MaxPool2d(2), nn.Flatten(), scores]
    made = ct.discrete.LocalLoss(layers, (8, 8), random_feedback=random_feedback)
    x, y = torch.randn(8, 1, 8, 8), torch.arange(8) % 4
    first, codes, weight = made.stages[0], made.stages[0].codes[y].numpy(), made.stages[0].similarity_weight
    assert weight == (0.01 if random_feedback else 0.99)

    a = F.relu(conv(x)).detach()
    averages = a.numpy().reshape(8, 6, 4, 2, 4, 2).mean((3, 5))
    compared = averages if random_feedback else first.similar(a).detach().numpy()
    likeness = np.square(np.corrcoef(compared.std((2, 3), ddof=1)) - np.corrcoef(codes)).mean()
    begins = np.log(2 if random_feedback else 4)
    handed, step = first.step(Signal(x), y)
    assert handed.h.shape == (8, 6 * 16)
    assert_allclose(step.loss, weight * likeness + (1 - weight) * begins, rtol=1e-5)

    averages = F.relu(conv(x)).detach().numpy().reshape(8, 6, 4, 2, 4, 2).mean((3, 5)).reshape(8, -1)
    predicted = averages @ first.classifier.weight.detach().numpy().T + first.classifier.bias.detach().numpy()
    expected = first.class_scores(torch.from_numpy(predicted))
    assert expected.abs().max() > 0
    assert_allclose(made.eval().scores(x)["layer 1"], expected, atol=1e-5)


def test_a_block_is_its_halves():
    block = learner("ll-bp", architecture="conv", dropout=0.0).stages[0].block
    before, behind = halves(block)
    x = torch.randn(3, 1, 8, 8)
    assert before(x).shape[1:] == block.activated == (96, 8, 8)
    assert torch.equal(behind(before(x)), block(x))


def test_a_code_is_read_as_the_likelihood_of_its_class():
    """LL-FA: softmax of the scores is Bayes' rule over independent bits."""
    stage = learner("ll-fa", hidden=(9,)).stages[0]
    bits = (stage.codes > 0).numpy()
    assert len({row.tobytes() for row in bits}) == 4
    predicted = torch.randn(3, bits.shape[1])
    on = 1 / (1 + np.exp(-predicted.numpy().astype(float)))
    likelihood = np.array([[np.where(row, p, 1 - p).prod() for row in bits] for p in on])
    posterior = likelihood / likelihood.sum(1, keepdims=True)
    assert_allclose(stage.class_scores(predicted).softmax(1), posterior, rtol=1e-4)
    assert_allclose(
        stage.prediction_loss(predicted, torch.arange(3)),
        -np.log(likelihood[range(3), range(3)]).mean() / 128,
        rtol=1e-5,
    )
