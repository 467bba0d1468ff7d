"""The comparison of update and gradient, against the matrices themselves and against theory."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from ctsigprop.analysis.measures.gradient import compare
from ctsigprop.continuous.diagnostics.adjoint import adjoint
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.learning.phases import Batch, contrast
from ctsigprop.continuous.learning.update import learn
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.relaxation import relax
from ctsigprop.settings import NudgingSettings, SolverSettings
from ctsigprop.solvers import Status

SOLVER = SolverSettings(tolerance=1e-13, max_sweeps=1000)


def measured(network: Network, samples: int, nudging: NudgingSettings, scale: float = 0.5) -> tuple[Any, Any, Any]:
    """Comparison, update at rate 1 and gradient, both as matrices."""
    rng, sweeps = np.random.default_rng(3), LayerSweeps(network)
    for connection in network.connections:
        connection.weight[...] *= scale
    for bias in network.biases:
        bias[...] = rng.uniform(0.1, 0.4, bias.shape)
    inputs = rng.random((samples, network.sizes[0]))
    target = np.eye(network.sizes[-1])[rng.integers(network.sizes[-1], size=samples)]
    batch = Batch.relaxed(sweeps, inputs, target, nudging, SOLVER, rng)
    free, pair = batch.free, contrast(batch)
    found = adjoint(sweeps, free.states, target)
    comparison = compare(network, inputs, free.states, pair, found)

    before = {name: values.copy() for name, values in network.parameters().items()}
    learn(network.with_rates(dict.fromkeys(network.parameters(), 1.0)), inputs, pair)
    update = {name: values - before[name] for name, values in network.parameters().items()}
    network.load(before)

    rates = [inputs, *(network.rhos[0].rates(state) for state in free.states)]
    gradient = {f"b{layer}": e.mean(axis=0) for layer, e in enumerate(found.sensitivities, start=1)}
    for connection in network.connections:
        i, j = connection.source, connection.target
        total = rates[i].T @ found.sensitivities[j - 1]
        if connection.symmetric:
            total = total + found.sensitivities[i - 1].T @ rates[j]
        gradient[connection.name] = total / samples
    return comparison, update, gradient


@pytest.mark.parametrize("samples", [3, 40])
@pytest.mark.parametrize("kind", ["positive", "centered"])
@pytest.mark.parametrize("architecture", ["sigprop_loop", "symmetric_ep", "random_feedback_ep"])
def test_gram_matrices_compare_as_the_matrices_do(
    make_network: Callable[..., Network], architecture: str, kind: str, samples: int
) -> None:
    network = make_network(architecture=architecture)
    comparison, update, gradient = measured(network, samples, NudgingSettings(kind, 0.3))
    assert comparison.keys() == update.keys()
    for name, found in comparison.items():
        norms = np.linalg.norm(update[name]), np.linalg.norm(gradient[name])
        assert found["cosine"] == pytest.approx(-(update[name] * gradient[name]).sum() / norms[0] / norms[1], abs=1e-6)
        assert found["norm_ratio"] == pytest.approx(norms[0] / norms[1], rel=1e-6)


@pytest.mark.parametrize("rho", ["tanh", "logistic"])
def test_an_update_with_an_energy_is_the_gradient(make_network: Callable[..., Network], rho: str) -> None:
    """As beta goes to 0 (Scellier & Bengio 2017): every matrix and every bias."""
    network = make_network(architecture="symmetric_ep", rho=rho)
    comparison, _, _ = measured(network, 5, NudgingSettings("centered", 1e-3))
    for found in comparison.values():
        assert found["cosine"] == pytest.approx(1, abs=1e-6)
        assert found["norm_ratio"] == pytest.approx(1, abs=1e-4)


def test_the_output_layer_follows_the_gradient_without_feedback(make_network: Callable[..., Network]) -> None:
    """Its neurons are the ones that are nudged: the loop gets in the way only of those below."""
    network = make_network()
    network.connections[-1].weight[...] = 0
    comparison, _, _ = measured(network, 5, NudgingSettings("positive", 0.5))
    for name in ("W23", "b3"):
        assert comparison[name]["cosine"] == pytest.approx(1, abs=1e-9)
        assert comparison[name]["norm_ratio"] == pytest.approx(1 / 1.5)
    assert comparison["W12"] == {"cosine": None, "norm_ratio": 0.0}


def test_nothing_to_compare(make_network: Callable[..., Network]) -> None:
    network = make_network()
    sweeps, inputs = LayerSweeps(network), np.ones((2, 6))
    free = relax(sweeps, sweeps.drive(inputs), sweeps.at_rest(2), SOLVER)
    nudging = NudgingSettings("positive", 0.5)
    target = free.output
    pair = contrast(Batch.relaxed(sweeps, inputs, target, nudging, SOLVER, np.random.default_rng(0)))
    found = adjoint(sweeps, free.states, target)
    nothing = {"cosine": None, "norm_ratio": None}
    assert all(value["norm_ratio"] is None for value in compare(network, inputs, free.states, pair, found).values())
    lost = replace(found, status=Status.NOT_CONVERGED)
    assert compare(network, inputs, free.states, pair, lost) == dict.fromkeys(network.parameters(), nothing)
