"""What all learning rules share: weights at the start, names of stages, exits, state."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from ctsigprop.discrete.network import build
from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.settings.discrete import DiscreteLearningSettings, DiscreteNetworkSettings, DiscreteSettings
from ctsigprop.settings.discrete import DiscreteTrainingSettings as Training

LOCKED = ("bp", "fa", "dfa", "dtp", "sg")
LOCAL = ("ll-bp", "ll-fa", "sp")
RULES = (*LOCKED, *LOCAL, "shallow")
SHAPE, CLASSES = (6, 6), 3


def settings(algorithm, precision="float32", rate=5e-4, readout_rate=None, **network):
    return DiscreteSettings(
        network=DiscreteNetworkSettings(**{"hidden": (20, 16)} | network),
        learning=DiscreteLearningSettings(algorithm=algorithm, rate=rate, readout_rate=readout_rate),
        training=Training(precision=precision),
    )


def batch(samples=30, seed=0):
    """Three classes of noisy patterns."""
    random = np.random.default_rng(seed)
    patterns = np.random.default_rng(99).normal(size=(CLASSES, 1, *SHAPE))
    labels = np.arange(samples) % CLASSES
    inputs = patterns[labels] + 0.3 * random.normal(size=(samples, 1, *SHAPE))
    return torch.from_numpy(inputs.astype(np.float32)), torch.from_numpy(labels)


@pytest.mark.parametrize("architecture", ["fc", "conv"])
def test_every_rule_starts_from_the_same_weights(architecture):
    drawn = build(settings("bp", architecture=architecture), SHAPE, CLASSES)
    expected = {value.numpy().tobytes() for name, value in drawn.state_dict().items() if name.endswith("weight")}
    for rule in RULES:
        if (rule, architecture) == ("dtp", "conv"):  # which it refuses
            continue
        arrays = learner_for(settings(rule, architecture=architecture), SHAPE, CLASSES).parameter_arrays()
        assert expected <= {value.tobytes() for value in arrays.values()}, rule


@pytest.mark.parametrize("rule", RULES)
def test_stages_and_exits(rule):
    learner = learner_for(settings(rule), SHAPE, CLASSES)
    names = [stage.name for stage in learner.stages]
    layers = ["layer 1", "layer 2", "output"]
    assert names == (["network"] if rule in LOCKED else ["output"] if rule == "shallow" else layers)
    inputs, labels = batch()
    learner.step(inputs, labels)
    exits = learner.eval().scores(inputs)
    assert list(exits)[-1] == names[-1]
    assert all(scores.shape == (len(labels), CLASSES) for scores in exits.values())


@pytest.mark.parametrize("rule", LOCAL)
def test_a_classification_layer_that_learns_apart_may_have_a_rate_of_its_own(rule):
    plain, faster = (learner_for(settings(rule, readout_rate=rate), SHAPE, CLASSES) for rate in (None, 5e-3))
    for learner, expected in ((plain, 5e-4), (faster, 5e-3)):
        learner.decay_rates(0.25)
        assert [stage.optimizer.param_groups[0]["lr"] for stage in learner.stages] == [1.25e-4, 1.25e-4, expected / 4]
        learner.step(*batch())
    one, other = plain.parameter_arrays(), faster.parameter_arrays()
    changed = {name for name in one if one[name].tobytes() != other[name].tobytes()}
    assert changed == {name for name in one if name.startswith("stages.2")}


@pytest.mark.parametrize(
    ("rule", "prediction", "counted"),
    [("sp", "classification", True), ("sp", "output-target", False), ("ll-fa", "classification", True)]
    + [(rule, "classification", False) for rule in (*LOCKED, "shallow")],
)
def test_rates_that_count(rule, prediction, counted):
    given = settings(rule, readout_rate=5e-3)
    given = replace(given, target=replace(given.target, prediction=prediction))
    assert given.rates == {"learning.rate": 5e-4} | ({"learning.readout_rate": 5e-3} if counted else {})
    assert settings(rule).rates == {"learning.rate": 5e-4}


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("rule", RULES)
def test_every_rule_learns(rule, precision):
    learner = learner_for(settings(rule, precision, rate=5e-3), SHAPE, CLASSES)
    for seed in range(60):
        learner.step(*batch(seed=seed))
    inputs, labels = batch(seed=1000)
    for name, scores in learner.eval().scores(inputs).items():
        assert (scores.argmax(1) == labels).float().mean() > 0.9, name


@pytest.mark.parametrize("rule", RULES)
def test_a_learner_goes_on_from_its_arrays(rule):
    """Weights, statistics, moments and dropout: the steps after are those of a learner that never stopped."""
    one, other = (learner_for(settings(rule), SHAPE, CLASSES) for _ in range(2))
    for seed in range(3):
        one.step(*batch(seed=seed))
    other.load_arrays(one.arrays())
    for seed in range(3, 5):
        for mine, theirs in zip(one.step(*batch(seed=seed)), other.step(*batch(seed=seed)), strict=True):
            assert torch.equal(mine.loss, theirs.loss)
    arrays = other.arrays()
    assert all(np.array_equal(value, arrays[name]) for name, value in one.arrays().items())


@pytest.mark.parametrize("rule", RULES)
def test_steps_leave_no_graph(rule):
    learner = learner_for(settings(rule), SHAPE, CLASSES)
    for step in learner.step(*batch()):
        assert not step.loss.requires_grad
        assert step.scores is None or not step.scores.requires_grad
