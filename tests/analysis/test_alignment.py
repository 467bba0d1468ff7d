"""Angles round the loops, against products formed in full and signals followed one by one."""

from collections.abc import Callable
from functools import reduce
from math import acos, degrees, isfinite, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ctsigprop.analysis.measures.alignment import angle_between, angles, sample_angles
from ctsigprop.analysis.measures.angle import history_of
from ctsigprop.continuous.connections import Dense
from ctsigprop.continuous.network import Network
from ctsigprop.errors import InputError

MakeNetwork = Callable[..., Network]


def matrices(network: Network, name: str) -> tuple[np.ndarray, list[np.ndarray]]:
    """The matrix and the way back that an angle's name speaks of, in float64."""
    known = {link: weight.astype(np.float64) for link, weight in links(network).items()}
    matrix, _, back = name.partition(" vs ")
    return known[matrix], [known[one] for one in back.split("*")]


def links(network: Network) -> dict[str, np.ndarray]:
    """Every direction by its name."""
    return {f"W{link.source}{link.target}": link.weight for link in network.links()}


def dense_angle(network: Network, name: str) -> float:
    """The angle by its definition, every product formed in full."""
    matrix, back = matrices(network, name)
    product = reduce(np.matmul, back).T
    cosine = (matrix * product).sum() / sqrt((matrix**2).sum() * (product**2).sum())
    return degrees(acos(min(1.0, max(-1.0, cosine))))


def weight(network: Network, name: str) -> np.ndarray:
    return next(connection.weight for connection in network.connections if connection.name == name)


def align(network: Network, amount: float) -> None:
    """Turns the loop of a network with two hidden layers towards its forward weights."""
    loop = weight(network, "W31")
    loop += amount * (weight(network, "W12") @ weight(network, "W23")).T


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(
    ("hidden", "loops"),
    [
        ([7], [1]),
        ([20, 13], [1]),
        ([20, 13], [2, 1]),
        ([5, 30, 9], [1, 3]),
        ([40, 3, 12, 60], [1, 2, 4]),
        ([33, 50, 2, 41], [2]),
    ],
)
def test_angles_are_those_of_the_products_formed_in_full(
    make_network: MakeNetwork, hidden: list[int], loops: list[int], precision: str
) -> None:
    network = make_network(hidden, loops=loops, precision=precision, classes=10)
    for connection in network.connections:
        connection.weight[...] += 0.2
    found = angles(network)
    lengths = [len(hidden) + 2 - loop for loop in loops]
    assert len(found) == sum(1 if length == 2 else length for length in lengths)
    for name, angle in found.items():
        assert angle == pytest.approx(dense_angle(network, name), abs=1e-4), name
    assert min(found.values()) < 80


def test_names_in_the_papers_order(make_network: MakeNetwork) -> None:
    assert list(angles(make_network([5, 5]))) == ["W31 vs W12*W23", "W23 vs W31*W12", "W12 vs W23*W31"]
    assert list(angles(make_network([5, 5], loops=[2]))) == ["W23 vs W32"]
    assert list(angles(make_network([5]))) == ["W12 vs W21"]
    assert list(angles(make_network([5, 5, 5], architecture="random_feedback_ep"))) == [
        *("W12 vs W21", "W23 vs W32", "W34 vs W43")
    ]


def test_random_feedback_against_the_forward_matrix(make_network: MakeNetwork) -> None:
    network = make_network([6, 8], architecture="random_feedback_ep")
    weight(network, "W21")[...] += 0.3 * weight(network, "W12").T
    for name, angle in angles(network).items():
        assert angle == pytest.approx(dense_angle(network, name), abs=1e-4)


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_shared_weights_are_at_exactly_zero(make_network: MakeNetwork, precision: str) -> None:
    network = make_network([60, 70], architecture="symmetric_ep", precision=precision)
    assert angles(network) == {"W12 vs W21": 0.0, "W23 vs W32": 0.0}


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize(("factor", "expected"), [(3.0, 0.0), (1e-6, 0.0), (-0.1, 180.0)])
@pytest.mark.parametrize("seed", range(5))
def test_parallel_is_exactly_zero_and_antiparallel_180(
    make_network: MakeNetwork, precision: str, factor: float, expected: float, seed: int
) -> None:
    network = make_network([150, 90], precision=precision, seed=seed, classes=10)
    product = weight(network, "W12").astype(float) @ weight(network, "W23").astype(float)
    weight(network, "W31")[...] = factor * product.T
    assert angles(network)["W31 vs W12*W23"] == expected


@pytest.mark.parametrize("turn", [1e-3, 0.1, 1.0, 30.0])
def test_a_known_small_angle(make_network: MakeNetwork, turn: float) -> None:
    network = make_network([30, 20])
    along = (weight(network, "W12") @ weight(network, "W23")).T
    across = np.random.default_rng(1).normal(size=along.shape)
    across -= (across * along).sum() / (along * along).sum() * along
    across *= np.linalg.norm(along) / np.linalg.norm(across)
    weight(network, "W31")[...] = np.cos(np.radians(turn)) * along + np.sin(np.radians(turn)) * across
    assert angles(network)["W31 vs W12*W23"] == pytest.approx(turn, abs=1e-6)


def test_random_weights_scatter_about_90_by_one_over_the_root_of_the_weights(make_network: MakeNetwork) -> None:
    draws = [make_network([30, 20], seed=seed, classes=10) for seed in range(200)]
    for name in angles(draws[0]):
        sigma = degrees(1 / sqrt(matrices(draws[0], name)[0].size))
        away = np.array([angles(network)[name] - 90 for network in draws]) / sigma
        assert np.abs(away).mean() < 1
        assert np.sqrt((away**2).mean()) == pytest.approx(1, abs=0.2)
        assert (np.abs(away) < 3).mean() > 0.98


@pytest.mark.parametrize("name", ["W12", "W23", "W31"])
def test_zero_weights_have_90(make_network: MakeNetwork, name: str) -> None:
    network = make_network()
    align(network, 5)
    weight(network, name)[...] = 0
    assert list(angles(network).values()) == [90.0] * 3


def test_a_product_that_vanishes_has_90(make_network: MakeNetwork) -> None:
    network = make_network()
    weight(network, "W12")[:, 4:] = 0
    weight(network, "W23")[:4] = 0
    assert angles(network)["W31 vs W12*W23"] == 90.0


@given(scales=st.tuples(*[st.floats(1e-150, 1e150)] * 3), seed=st.integers(0, 1000))
def test_angles_do_not_depend_on_scale(scales: tuple[float, float, float], seed: int) -> None:
    rng = np.random.default_rng(seed)
    before = loop_network(*(rng.normal(size=shape) for shape in ((4, 5), (5, 3), (3, 4))))
    after = loop_network(
        *(weight(before, name) * scale for name, scale in zip(("W12", "W23", "W31"), scales, strict=True))
    )
    assert angles(after) == pytest.approx(angles(before), abs=1e-6)


MAGNITUDES = st.sampled_from([0.0, 1.0, -1.0, 5e-324, 1e-300, -1e300, 1e-30, 3.0])


@given(st.tuples(*(arrays(np.float64, shape, elements=MAGNITUDES) for shape in ((3, 4), (4, 2), (2, 3)))))
def test_every_finite_weight_has_an_angle(weights: tuple[np.ndarray, ...]) -> None:
    for angle in angles(loop_network(*weights)).values():
        assert isfinite(angle)
        assert 0 <= angle <= 180


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(make_network: MakeNetwork, value: float) -> None:
    network = make_network()
    weight(network, "W23")[2, 1] = value
    with pytest.raises(InputError, match="W23 holds values that are not finite"):
        angles(network)


@pytest.mark.parametrize(
    "settings", [{}, {"loops": [1, 2]}, {"architecture": "random_feedback_ep"}, {"architecture": "symmetric_ep"}]
)
def test_signals_of_each_sample_followed_one_by_one(make_network: MakeNetwork, settings: dict) -> None:
    network = make_network([11, 7], **settings)
    rng = np.random.default_rng(3)
    displacement = [rng.normal(size=(6, units)) for units in network.sizes[1:]]
    found = sample_angles(network, displacement)
    assert found.keys() == angles(network).keys()
    for name, of_samples in found.items():
        matrix, back = matrices(network, name)
        layer = int(name.partition(" vs ")[0][2:])
        for sample, angle in enumerate(of_samples):
            moved = displacement[layer - 1][sample]
            delivered = moved
            for one in back:
                delivered = np.array([sum(delivered * column) for column in one.T])
            mirrored = np.array([sum(moved * row) for row in matrix])
            cosine = sum(delivered * mirrored) / sqrt(sum(delivered**2) * sum(mirrored**2))
            assert angle == pytest.approx(degrees(acos(min(1.0, cosine))), abs=1e-5)


def test_a_sample_that_does_not_move_has_no_angle(make_network: MakeNetwork) -> None:
    network = make_network()
    displacement = [np.ones((5, units)) for units in network.sizes[1:]]
    displacement[1][[0, 3]] = 0
    found = sample_angles(network, displacement)
    assert [len(of_samples) for of_samples in found.values()] == [5, 5, 3]
    assert len(sample_angles(network, [layer[:0] for layer in displacement])["W31 vs W12*W23"]) == 0


def test_signals_are_parallel_where_the_loop_mirrors_its_way(make_network: MakeNetwork) -> None:
    network = make_network([9, 5], precision="float32")
    weight(network, "W31")[...] = (weight(network, "W12") @ weight(network, "W23")).T
    rng = np.random.default_rng(2)
    displacement = [1e-6 * rng.normal(size=(8, units)).astype(np.float32) for units in network.sizes[1:]]
    assert sample_angles(network, displacement)["W31 vs W12*W23"].max() < 1e-4


@pytest.mark.parametrize("radians", [1e-9, 1e-5, 1.0, np.pi / 2, np.pi - 1e-6])
@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_angle_between_is_precise_at_every_angle_and_scale(radians: float, scale: float) -> None:
    a = np.array([[scale, 0.0]])
    b = np.array([[np.cos(radians), np.sin(radians)]])
    assert angle_between(a, b) == pytest.approx(np.degrees(radians), rel=1e-9)


def test_angle_between_rows_of_zeros_is_90() -> None:
    zero, one = np.zeros((1, 3)), np.ones((1, 3))
    for a, b in ((zero, one), (one, zero), (zero, zero)):
        assert angle_between(a, b) == 90


def loop_network(first: np.ndarray, second: np.ndarray, loop: np.ndarray) -> Network:
    """The loop W12, W23, W31 alone."""
    sizes = (1, *(matrix.shape[0] for matrix in (first, second, loop)))
    connections = tuple(
        Dense(source, target, 0.0, weight=matrix)
        for source, target, matrix in ((0, 1, np.ones(sizes[:2])), (1, 2, first), (2, 3, second), (3, 1, loop))
    )
    return Network(sizes, connections, precision="float64")


def test_rows_without_angles_have_none() -> None:
    rows = [{"epoch": 1, "angles": None, "early": None}, {"epoch": 2, "early": [{"epoch": 1.5, "angles": None}]}]
    assert history_of(rows) == {1: {}, 1.5: {}, 2: {}}
