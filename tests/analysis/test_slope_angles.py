"""Angles with each sample's slopes in the way back, against products formed in full."""

from collections.abc import Callable
from math import acos, degrees

import numpy as np
import pytest
from numpy.testing import assert_allclose

import ctsigprop as ct
from ctsigprop.analysis.measures import slope_angles as measured
from ctsigprop.analysis.measures.alignment import angles, loops, return_paths
from ctsigprop.analysis.measures.slope_angles import slope_angles
from ctsigprop.continuous.network import Network

MakeNetwork = Callable[..., Network]


def drawn(hidden: list[int], into: list[int]) -> Network:
    return ct.Network.sigprop_loop([8, *hidden, 3], loops=into, output_gain=1.0, precision="float64", seed=5)


@pytest.mark.parametrize("chunk", [1, 4_000_000])
@pytest.mark.parametrize(
    ("hidden", "into"), [([6], [1]), ([7, 5], [1]), ([7, 5], [2, 1]), ([4, 9, 6], [1, 3]), ([2, 6, 7], [1])]
)
def test_every_angle_is_that_of_its_definition(
    hidden: list[int], into: list[int], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measured, "LARGEST", chunk)
    network, rng = drawn(hidden, into), np.random.default_rng(2)
    slopes = [rng.uniform(0, 1, (4, units)) * (rng.random((4, units)) < 0.7) for units in network.sizes[1:]]
    found = slope_angles(network, slopes)
    assert found.keys() == angles(network).keys()
    for loop in loops(network):
        for path in return_paths(loop):
            for sample in range(4):
                product = path.back[0].weight
                for link in path.back[1:]:
                    product = product @ np.diag(slopes[link.source - 1][sample]) @ link.weight
                norms = np.linalg.norm(product) * np.linalg.norm(path.link.weight)
                expected = degrees(acos((path.link.weight * product.T).sum() / norms)) if norms else 90.0
                assert_allclose(found[path.name][sample], expected, atol=1e-5)


def test_where_every_neuron_passes_all_it_is_the_angle_of_matrices() -> None:
    network = drawn([7, 5], [1])
    found = slope_angles(network, [np.ones((2, units)) for units in network.sizes[1:]])
    for name, degrees_of_matrices in angles(network).items():
        assert_allclose(found[name], degrees_of_matrices, rtol=1e-9)


def test_a_way_through_silent_neurons_has_no_angle() -> None:
    network = drawn([7, 5], [1])
    found = slope_angles(network, [np.zeros((2, units)) for units in network.sizes[1:]])
    assert all((one == 90).all() for one in found.values())


@pytest.mark.parametrize("rho", ["hard_sigmoid", "logistic", "tanh"])
def test_slopes_are_the_derivative_of_rates_by_input(rho: str) -> None:
    network = ct.Network.sigprop_loop([8, 6, 3], rho=rho, precision="float64", seed=5)
    net = np.linspace(-2, 2, 12).reshape(2, 6) + 0.01
    before, after, step = np.zeros((2, 6)), np.zeros((2, 6)), 1e-6
    network.rhos[0].settle(net - step, network.leaks[0], before)
    network.rhos[0].settle(net + step, network.leaks[0], after)
    middle = np.zeros((2, 6))
    network.rhos[0].settle(net, network.leaks[0], middle)
    expected = (network.rhos[0].rates(after) - network.rhos[0].rates(before)) / (2 * step)
    found = network.slopes_of([middle, np.zeros((2, 3))])[0]
    assert_allclose(found, expected, atol=1e-6)
