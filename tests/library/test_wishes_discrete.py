"""What a researcher wants of the discrete family, each wish in a few lines of public names."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ctsigprop as ct

RNG = np.random.default_rng(0)
Y = RNG.integers(3, size=400)
X = RNG.uniform(0, 40, (3, 6))[Y] + 4 * RNG.normal(size=(400, 6))
DATA = ct.Dataset.from_arrays(X, Y)
SMALL = {"epochs": 6, "batch_size": 32, "quiet": True, "threads": 1}
RULES = [
    ct.discrete.SigProp,
    ct.discrete.Backprop,
    ct.discrete.FeedbackAlignment,
    ct.discrete.DirectFeedbackAlignment,
    ct.discrete.LocalLoss,
]
each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
Rule = Callable[..., torch.nn.Module]


def layers() -> list[nn.Module]:
    """For 6 features and 3 classes, the same at every call."""
    torch.manual_seed(0)
    return [
        nn.Linear(6, 24),
        nn.BatchNorm1d(24),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(24, 24),
        nn.Tanh(),
        nn.Linear(24, 3),
    ]


def momentum(parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, lr=0.05, momentum=0.9)


def error(learner: nn.Module, x: np.ndarray, y: np.ndarray) -> float:
    return float(100 * np.mean(learner.predict(x) != y))


@each_rule
def test_own_arrays_and_own_layers(rule: Rule) -> None:
    run = ct.fit(rule(layers(), DATA.shape, rate=5e-3), DATA, **SMALL)
    assert error(run.network, DATA.test.images, DATA.test.labels) == pytest.approx(run.summary["test_error"])
    assert run.summary["test_error"] < 20


@each_rule
def test_images_and_convolutions(rule: Rule) -> None:
    torch.manual_seed(0)
    data = ct.load_dataset("digits")
    convolution = nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.LeakyReLU())
    net = [convolution, nn.Conv2d(8, 16, 3, padding="same", groups=2), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10)]
    run = ct.fit(rule(net, data.shape, rate=3e-3), data, **SMALL | {"epochs": 3})
    assert run.summary["test_error"] < 40


@each_rule
def test_own_optimizer(rule: Rule) -> None:
    learner = rule(
        layers(), DATA.shape, optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.05, momentum=0.9)
    )
    assert ct.fit(learner, DATA, **SMALL).summary["test_error"] < 20


@each_rule
def test_new_raw_inputs(rule: Rule, tmp_path: Path) -> None:
    data = ct.Dataset.from_arrays(X, Y, test=(X[:60], Y[:60]), scaling="standard")
    learner = rule(layers(), data.shape)
    run = ct.fit(learner, data, run_dir=tmp_path / "run", **SMALL)
    again = ct.load_run(tmp_path / "run", learner=rule(layers(), data.shape)).network
    np.testing.assert_array_equal(again.outputs(X[:60]), run.network.outputs(X[:60]))
    assert error(again, X[:60], Y[:60]) == pytest.approx(run.summary["test_error"])
    last = ct.load_run(tmp_path / "run", "last", learner=rule(layers(), data.shape)).network
    np.testing.assert_array_equal(last.outputs(X), learner.outputs(X))


def test_a_callback_that_stops_early() -> None:
    class EnoughAfterTwo(ct.Callback):
        def after_epoch(self, moment: ct.Moment) -> None:
            if moment.epoch == 2:
                moment.stop()

    run = ct.fit(ct.discrete.SigProp(layers(), DATA.shape), DATA, callbacks=[EnoughAfterTwo()], **SMALL)
    assert len(run.metrics) == 2


@each_rule
def test_a_state_dict_has_all_that_a_loop_of_ones_own_needs(rule: Rule) -> None:
    x, y = torch.randn(4, 32, 6), torch.randint(3, (4, 32))
    whole, stopped, resumed = (rule(layers()[:2] + layers()[4:], (6,), rate=0.01) for _ in range(3))
    for batch in range(4):
        whole.step(x[batch], y[batch])
    for batch in range(2):
        stopped.step(x[batch], y[batch])
    resumed.load_state_dict(stopped.state_dict())
    for batch in range(2, 4):
        resumed.step(x[batch], y[batch])
    assert torch.equal(whole(x[0]), resumed(x[0]))
    assert not torch.equal(whole(x[0]), stopped(x[0]))


@each_rule
@pytest.mark.parametrize("optimizer", [None, momentum])
def test_a_stopped_run_goes_on_bit_for_bit(rule: Rule, optimizer: Rule | None, tmp_path: Path) -> None:
    class Stop(ct.Callback):
        def before_batch(self, moment: ct.Moment) -> None:
            if (moment.epoch, moment.batch) == (2, 3):
                raise KeyboardInterrupt

    new = lambda: rule(layers(), DATA.shape, optimizer=optimizer)  # noqa: E731
    whole = ct.fit(new(), DATA, run_dir=tmp_path / "whole", **SMALL | {"epochs": 3})
    with pytest.raises(KeyboardInterrupt):
        ct.fit(new(), DATA, run_dir=tmp_path / "run", callbacks=[Stop()], **SMALL | {"epochs": 3})
    resumed = ct.fit(new(), DATA, run_dir=tmp_path / "run", resume=True, **SMALL | {"epochs": 3})
    np.testing.assert_array_equal(whole.network.outputs(X), resumed.network.outputs(X))
    assert [row["losses"] for row in whole.metrics] == [row["losses"] for row in resumed.metrics]


def test_feedback_alignment_leaves_the_layers_as_they_are() -> None:
    net = layers()
    learner = ct.discrete.FeedbackAlignment(net, (6,))
    before = net[0].weight.clone()
    learner.step(torch.randn(32, 6), torch.randint(3, (32,)))
    assert [type(layer) for layer in net] == [type(layer) for layer in layers()]
    assert not torch.equal(before, net[0].weight)
    assert torch.equal(nn.Sequential(*net).eval()(torch.ones(2, 6)), learner(torch.ones(2, 6)))


def test_prediction_learns_and_counts_nothing() -> None:
    learner = ct.discrete.SigProp(layers(), (6,)).train()
    before = learner.arrays()
    first, second = learner(torch.ones(4, 6)), learner(torch.ones(4, 6))
    assert torch.equal(first, second)
    assert learner.training
    assert all(np.array_equal(array, before[name]) for name, array in learner.arrays().items())
