"""Local learning beyond its gradients: the losses, their auxiliary layers, and what does not cross layers."""

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from ctsigprop.discrete.rules.feedback import FeedbackConv2d, FeedbackLinear
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.discrete.rules.local import similarities
from ctsigprop.layered.learner import Signal
from ctsigprop.settings.discrete import DiscreteLearningSettings, DiscreteNetworkSettings, DiscreteSettings


def learner(algorithm, shape=(1, 8, 8), similarity_weight=0.99, **network):
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings(**network),
        learning=DiscreteLearningSettings(algorithm=algorithm, similarity_weight=similarity_weight),
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


def test_no_feedback_no_update_of_the_hidden_layer():
    """LL-FA: nothing but B carries errors to the hidden layer."""
    x, y = torch.randn(8, 3, 16, 16), torch.arange(8) % 4
    made = learner("ll-fa", shape=(3, 16, 16), architecture="conv", similarity_weight=0.5)
    auxiliary = [made.stages[0].classifier, made.stages[0].similar]
    assert [type(one) for one in auxiliary] == [FeedbackLinear, FeedbackConv2d]
    for one in auxiliary:
        one.feedback.zero_()
    before = [one.weight.detach().clone() for one in auxiliary]
    assert block_update(made, 0, x, y).abs().max() == 0
    assert all(not torch.equal(one.weight, old) for one, old in zip(auxiliary, before, strict=True))


def test_classifiers_see_at_most_2048_features():
    made = learner("ll-bp", shape=(3, 32, 32), architecture="vgg8b")
    features = [stage.classifier.in_features for stage in made.stages[:-1]]
    assert features == [2048, 2048, 2048, 2048, 2048, 2048, 1024]


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
