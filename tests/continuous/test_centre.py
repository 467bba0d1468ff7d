"""Centred learning beside its definition, and what it does to networks."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

import ctsigprop as ct
from ctsigprop.continuous.device import device_of
from ctsigprop.continuous.learning.centre import KEPT, Centre
from ctsigprop.continuous.learning.correlations import Correlations
from ctsigprop.continuous.learning.optimizers import Sgd
from ctsigprop.continuous.learning.pace import Pace, move
from ctsigprop.continuous.learning.phases import Batch, contrast
from ctsigprop.continuous.learning.rules import RULES
from ctsigprop.continuous.learning.update import learn
from ctsigprop.errors import InputError
from ctsigprop.settings import LearningSettings, NudgingSettings, Settings, SolverSettings

TIGHT = SolverSettings("anderson", 1e-13, 3000)


@pytest.mark.parametrize("architecture", ["sigprop_loop", "symmetric_ep", "random_feedback_ep"])
def test_an_update_takes_hidden_rates_less_their_means(make_problem: Callable[..., Any], architecture: str) -> None:
    """Of a shared matrix the means are taken off both ends: d(r_i r_j) - m_i dr_j - m_j dr_i."""
    problem = make_problem(architecture, scale=0.5, learning=LearningSettings(rates=(1.0,), feedback_rate=1.0))
    network, rng = problem.network, np.random.default_rng(3)
    nudging = NudgingSettings("positive", 0.4)
    batch = Batch.relaxed(problem.sweeps, problem.inputs, problem.target, nudging, TIGHT, rng)
    pair, last = contrast(batch), network.output
    centre = Centre.of(network)
    for mean in centre.means[1:-1]:
        mean[...] = rng.uniform(0, 1, mean.shape)
    before = network.copy()
    learn(network, problem.inputs, pair, pace=Pace(Sgd(), centre=centre))
    free, plus = ([problem.inputs[pair.rows], *network.rates_of(one)] for one in (pair.free, pair.plus))
    for connection in network.connections:
        i, j = connection.source, connection.target
        m_i, m_j = (centre.means[layer] if 0 < layer < last else 0.0 for layer in (i, j))
        change_i, change_j = plus[i] - free[i], plus[j] - free[j]
        if connection.symmetric:
            update = plus[i].T @ plus[j] - free[i].T @ free[j]
            update -= np.outer(m_i * np.ones(free[i].shape[1]), change_j.sum(0))
            update -= np.outer(change_i.sum(0), m_j * np.ones(free[j].shape[1]))
        else:
            update = (free[i] - m_i).T @ change_j
        expected = before.weights[connection.name] + update / (0.4 * len(problem.inputs))
        assert_allclose(connection.matrix, expected, rtol=0, atol=1e-12)
    for layer, (bias, old) in enumerate(zip(network.biases, before.biases, strict=True), start=1):
        learned = (plus[layer] - free[layer]).sum(0) / (0.4 * len(problem.inputs))
        at_the_mean = sum(
            rates @ (after - then)
            for rates, after, then in (
                (centre.means[link.source], link.weight, earlier.weight)
                for link, earlier in zip(network.links(), before.links(), strict=True)
                if link.target == layer and link.source > 0
            )
        )
        assert_allclose(bias, old + learned - at_the_mean, rtol=0, atol=1e-12)


def test_the_mean_is_plain_at_first_and_then_forgets() -> None:
    network = ct.Network.sigprop_loop([4, 3, 2], precision="float64")
    centre, rng = Centre.of(network), np.random.default_rng(0)
    batches = rng.uniform(size=(400, 5, 3))
    for taken, batch in enumerate(batches):
        centre.take([batch, np.ones((5, 2))], taken)
        if taken == 50:
            assert_allclose(centre.means[1], batches[:51].mean(axis=(0, 1)), rtol=1e-12)
    share = 1 - KEPT
    expected = batches[:100].mean(axis=(0, 1))
    for batch in batches[100:]:
        expected = (1 - share) * expected + share * batch.mean(axis=0)
    assert_allclose(centre.means[1], expected, rtol=1e-12)
    assert not centre.means[0].any() and not centre.means[2].any()


@pytest.mark.parametrize("device", [ct.Device(), ct.Device(weight_spread=0.5), ct.Device(weight_bits=5, update_bits=8)])
def test_at_the_mean_rates_an_update_of_weights_changes_no_input(device: ct.Device) -> None:
    network = ct.Network.sigprop_loop([4, 6, 5, 3], output_gain=1.0, precision="float64", seed=1)
    network = network.on_device(device_of(device, network.connections, 0)).with_rates(
        dict.fromkeys(("W01", "W12", "W23", "W31"), 0.5) | {"b1": 1e-9, "b2": 1e-9, "b3": 1e-9}
    )
    rng, centre, sizes = np.random.default_rng(0), Centre.of(network), network.sizes
    for mean in centre.means[1:-1]:
        mean[...] = rng.uniform(0, 1, mean.shape)
    free, plus = ([rng.uniform(size=(7, units)) for units in sizes] for _ in range(2))
    change = [high - low for high, low in zip(plus[1:], free[1:], strict=True)]
    rates = (tuple(free), tuple(plus), tuple(free))
    correlations = Correlations(*map(centre.around, rates), np.ones((7, 1)), tuple(change))

    def received() -> list[np.ndarray]:
        return [given + bias for given, bias in zip(centre.driven(network), network.biases, strict=True)]

    before, weights = received(), network.copy().weights
    move(network, correlations, RULES["eq14"], Pace(Sgd(), centre=centre))
    for earlier, later in zip(before, received(), strict=True):
        assert_allclose(later, earlier, rtol=0, atol=1e-7)
    assert all((network.weights[name] != weights[name]).any() for name in weights)


def test_continual_learning_is_not_centred() -> None:
    with pytest.raises(InputError, match=r"learning.centred = True: must be false with learning.rule = continual"):
        Settings(
            solver=SolverSettings("euler", step=0.25),
            learning=LearningSettings(rule="continual", centred=True),
            phases=ct.Phases(10, 5),
        )
