"""What the convolution benchmark measures us against computes what we compute."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.learning.phases import Batch, contrast
from ctsigprop.continuous.learning.update import learn
from ctsigprop.continuous.network import Network
from ctsigprop.settings import NudgingSettings, SolverSettings

peers = pytest.importorskip("ctsigprop.benchmarks.torch_convolution")

LABELS = np.array([0, 3, 1])
EXACT = SolverSettings(tolerance=1e-12, max_sweeps=2000)


def network(architecture: str, feedback_gain: float = 1.0) -> Network:
    options = {"output_rho": "linear", "output_gain": 0.5, "feedback_gain": feedback_gain, "precision": "float64"}
    drawn = Network.named(architecture, [(2, 8, 8), 3, 4, 5], pool="avg", **options)
    for bias in drawn.biases[:2]:
        bias[:] = 0.2
    return drawn.with_rates({"W01": 0.1, "W12": 0.2, "W23": 0.3})


def inputs() -> np.ndarray:
    return np.random.default_rng(0).uniform(size=(3, 128))


def test_steps_of_all_layers_at_once_come_to_our_equilibria_and_updates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "FREE_STEPS", 400)
    monkeypatch.setattr(peers, "CLAMPED_STEPS", 400)
    ours = network("conv_symmetric")
    peer = peers.SynchronousPhases(ours, beta=0.5)
    nudging, target = NudgingSettings(beta=0.5), np.eye(5)[LABELS]
    pair = contrast(Batch.relaxed(LayerSweeps(ours), inputs(), target, nudging, EXACT, np.random.default_rng(0)))
    for found, wanted in zip(peer.states(inputs(), LABELS, 400, 400), (pair.free, pair.plus), strict=True):
        for state, layer, expected in zip(found, ours.layers[1:], wanted, strict=True):
            assert_allclose(state, layer.images(expected) if layer.shape else expected, atol=1e-9)
    peer.step(inputs(), LABELS)
    learn(ours, inputs(), pair)
    assert_allclose(peer.first.permute(0, 2, 3, 1), ours.weights["W01"], atol=1e-9)
    assert_allclose(peer.second.permute(0, 2, 3, 1), ours.weights["W12"], atol=1e-9)
    assert_allclose(peer.last, ours.layers[2].images(ours.weights["W23"].T).reshape(5, -1), atol=1e-9)


def test_backpropagation_has_our_outputs_where_nothing_feeds_back() -> None:
    ours = network("conv_loop", feedback_gain=0.0)
    x = np.random.default_rng(0).uniform(size=(3, 2, 8, 8))
    seen = ours.layers[0].in_order(x.reshape(3, -1))
    assert_allclose(peers.Backpropagation(ours).forward(seen).detach(), ours.outputs(x.reshape(3, -1)), atol=1e-9)
