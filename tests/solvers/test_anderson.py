"""Fixed points by Anderson acceleration: exact on linear maps, harmless on the rest, sample by sample."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray

from ctsigprop.solvers import Status
from ctsigprop.solvers.anderson import FixedPoint, fixed_point

Array = NDArray[np.floating]
Map = Callable[[Array], Array]


def solve(g: Map, u: Array, **options: object) -> FixedPoint:
    """The fixed point of one map for all samples; the residual of a sample is |g(u) - u|."""

    def sweep(u: Array, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        assert len(u) == len(rows)
        following = g(u)
        return following, np.linalg.norm(following - u, axis=1)

    return fixed_point(sweep, u, **{"tolerance": 1e-10, "max_sweeps": 200} | options)


def contraction(n: int, norm: float, seed: int) -> Array:
    """A random matrix (n, n) of the given spectral norm, not symmetric."""
    matrix = np.random.default_rng(seed).normal(size=(n, n))
    return norm * matrix / np.linalg.norm(matrix, 2)


@settings(deadline=None)
@given(n=st.integers(1, 5), norm=st.floats(0.05, 0.95), seed=st.integers(0, 10_000))
def test_a_linear_map_of_n_unknowns_is_solved_after_n_plus_one_sweeps(n: int, norm: float, seed: int) -> None:
    """Acceleration on a linear map is GMRES (Walker & Ni 2011): one more sweep sees a residual of zero."""
    rng = np.random.default_rng(seed)
    matrix, b = contraction(n, norm, seed), rng.normal(size=n)
    start = rng.normal(size=(4, n))
    found = solve(lambda u: u @ matrix.T + b, start, tolerance=1e-6, max_sweeps=n + 2)
    assert found.status is Status.SUCCESS
    assert found.sweeps.max() <= n + 2
    assert_allclose(found.u, np.tile(np.linalg.solve(np.eye(n) - matrix, b), (4, 1)), atol=2e-5)


def test_depth_bounds_what_is_remembered() -> None:
    matrix = contraction(8, 0.97, 1)
    sweeps = [int(solve(lambda u: u @ matrix + 1, np.zeros((1, 8)), depth=depth).sweeps[0]) for depth in (0, 1, 3, 8)]
    assert sweeps == sorted(sweeps, reverse=True)
    assert sweeps[-1] <= 12 < sweeps[0]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_depth_zero_is_the_plain_iteration(precision: str) -> None:
    matrix = contraction(4, 0.8, 2).astype(precision)
    start = np.random.default_rng(2).normal(size=(3, 4)).astype(precision)
    found = solve(lambda u: u @ matrix, start, depth=0, tolerance=1e-30, max_sweeps=7)
    expected = start
    for _ in range(7):
        expected = expected @ matrix
    assert_array_equal(found.u, expected)
    assert_allclose(found.u, start @ np.linalg.matrix_power(matrix, 7), rtol=1e-4)
    assert found.u.dtype == found.residual.dtype == precision
    assert found.status is Status.NOT_CONVERGED
    assert_array_equal(found.sweeps, 7)


@pytest.mark.parametrize("depth", [0, 5])
def test_sweeps_and_residual_are_those_of_each_sample(depth: int) -> None:
    """A sample that starts at the fixed point takes one sweep; u is G of the last iterate, the residual its own."""
    seen: list[list[int]] = []

    def sweep(u: Array, rows: NDArray[np.int64]) -> tuple[Array, Array]:
        seen.append(rows.tolist())
        g = np.cos(u)
        return g, np.abs(g - u)[:, 0]

    dottie = 0.7390851332151607
    start = np.array([[0.0], [dottie], [0.739], [3.0]])
    found = fixed_point(sweep, start, tolerance=1e-9, max_sweeps=100, depth=depth)
    assert found.status is Status.SUCCESS
    assert_allclose(found.u, dottie, atol=2e-9)
    assert found.sweeps[1] == 1
    assert 1 < found.sweeps[2] < found.sweeps[0]
    assert found.residual.max() <= 1e-9
    for sample in range(4):
        assert sum(sample in rows for rows in seen) == found.sweeps[sample]
    assert all(set(later) <= set(earlier) for earlier, later in pairwise(seen))


@pytest.mark.parametrize("depth", [0, 2, 5])
def test_a_batch_is_its_samples_solved_one_by_one(depth: int) -> None:
    rng = np.random.default_rng(4)
    rates = rng.uniform(0.1, 0.98, 12)
    matrices = [contraction(3, rate, seed) for seed, rate in enumerate(rates)]
    start = rng.normal(size=(12, 3))

    def sweep_of(samples: list[int]) -> Callable[[Array, NDArray[np.int64]], tuple[Array, Array]]:
        def sweep(u: Array, rows: NDArray[np.int64]) -> tuple[Array, Array]:
            g = np.array([np.tanh(matrices[samples[row]] @ one) + 0.2 for row, one in zip(rows, u, strict=True)])
            return g, np.abs(g - u).max(axis=1)

        return sweep

    options = {"tolerance": 1e-9, "max_sweeps": 1000, "depth": depth}
    together = fixed_point(sweep_of(list(range(12))), start, **options)
    assert len(set(together.sweeps.tolist())) > 3
    for sample in range(12):
        alone = fixed_point(sweep_of([sample]), start[[sample]], **options)
        assert_array_equal(alone.u[0], together.u[sample])
        assert alone.sweeps[0] == together.sweeps[sample]
        assert alone.residual[0] == together.residual[sample]


def test_a_map_to_a_constant_is_no_trouble() -> None:
    found = solve(lambda u: np.full_like(u, 0.25), np.zeros((3, 6)))
    assert_array_equal(found.sweeps, 2)
    assert_array_equal(found.u, 0.25)


def test_a_translation_has_no_fixed_point_and_stays_finite() -> None:
    found = solve(lambda u: u + 1, np.zeros((2, 3)), max_sweeps=30)
    assert found.status is Status.NOT_CONVERGED
    assert np.isfinite(found.u).all()
    assert_array_equal(found.residual, np.sqrt(3))


def test_a_map_of_rank_one_has_a_singular_history() -> None:
    rng = np.random.default_rng(5)
    matrix = np.outer(rng.normal(size=7), rng.normal(size=7))
    matrix *= 0.9 / abs(np.trace(matrix))
    found = solve(lambda u: u @ matrix + 1, np.zeros((1, 7)), max_sweeps=20)
    assert found.status is Status.SUCCESS
    assert found.sweeps[0] <= 4
    assert_allclose(found.u[0], np.linalg.solve(np.eye(7) - matrix.T, np.ones(7)), rtol=1e-8)


def test_copies_of_an_unknown_change_nothing() -> None:
    one = solve(np.cos, np.zeros((1, 1)))
    copies = solve(np.cos, np.zeros((1, 6)))
    assert_allclose(copies.u, one.u[0, 0], atol=1e-10)
    assert abs(int(copies.sweeps[0]) - int(one.sweeps[0])) <= 1


@settings(deadline=None)
@given(seed=st.integers(0, 10_000), low=st.floats(-1, 0), high=st.floats(0.1, 1))
def test_accelerated_iterates_stay_inside_the_bounds(seed: int, low: float, high: float) -> None:
    matrix = contraction(4, 3.0, seed)
    tried: list[Array] = []

    def g(u: Array) -> Array:
        tried.append(u)
        return np.clip(u @ matrix + 0.3, low, high)

    solve(g, np.zeros((3, 4)), bounds=(low, high), max_sweeps=40)
    assert min(u.min() for u in tried) >= low
    assert max(u.max() for u in tried) <= high


@given(
    n=st.integers(1, 12),
    norm=st.floats(0, 0.95),
    depth=st.integers(0, 7),
    seed=st.integers(0, 10_000),
    precision=st.sampled_from(["float32", "float64"]),
)
def test_every_contraction_is_solved(n: int, norm: float, depth: int, seed: int, precision: str) -> None:
    matrix = contraction(n, norm, seed).astype(precision)
    tolerance = 1e-5 if precision == "float32" else 1e-11

    def g(u: Array) -> Array:
        return np.tanh(u) @ matrix + u.dtype.type(0.5)

    start = np.random.default_rng(seed).normal(size=(3, n)).astype(precision)
    found = solve(g, start, depth=depth, tolerance=tolerance, max_sweeps=2000)
    assert found.status is Status.SUCCESS
    assert found.u.dtype == precision
    assert np.linalg.norm(g(found.u) - found.u, axis=1).max() <= tolerance
    assert_allclose(found.u, np.tile(found.u[0], (3, 1)), atol=2 * tolerance / (1 - norm))


@pytest.mark.parametrize("depth", [0, 5])
@pytest.mark.parametrize("worth", [np.nan, np.inf])
def test_what_is_not_finite_ends_the_iteration(depth: int, worth: float) -> None:
    def g(u: Array) -> Array:
        return np.where(u > 0.5, worth, 0.9 * u + 0.1)

    start = np.array([[0.0], [1.0]])
    found = solve(g, start, depth=depth)
    assert found.status is Status.NOT_FINITE
    assert found.sweeps.max() < 200
    assert not np.isfinite(found.residual[1])


def test_no_samples_are_done_at_once() -> None:
    found = solve(np.cos, np.empty((0, 3), np.float32))
    assert found.status is Status.SUCCESS
    assert found.u.shape == (0, 3)
    assert found.sweeps.size == found.residual.size == 0


@pytest.mark.parametrize("depth", [0, 5])
def test_one_sweep_is_enough_or_is_not(depth: int) -> None:
    start = np.array([[1.0], [3.0]])
    stuck = solve(lambda u: u / 2, start, depth=depth, max_sweeps=1, tolerance=0.6)
    assert stuck.status is Status.NOT_CONVERGED
    assert_array_equal(stuck.u, [[0.5], [1.5]])
    assert_array_equal(stuck.residual, [0.5, 1.5])
    assert solve(lambda u: u / 2, start, depth=depth, max_sweeps=1, tolerance=1.5).status is Status.SUCCESS
    assert_array_equal(start, [[1.0], [3.0]])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tolerance": 0.0}, r"tolerance = 0\.0: must be greater than 0"),
        ({"tolerance": -1.0}, r"tolerance = -1\.0: must be greater than 0"),
        ({"tolerance": float("nan")}, "tolerance = nan: must be greater than 0"),
        ({"max_sweeps": 0}, "max_sweeps = 0: must be from 1 to 9223372036854775807"),
        ({"max_sweeps": 2**63}, "max_sweeps = 9223372036854775808: must be from 1 to"),
        ({"depth": -1}, "depth = -1: must be at least 0"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        solve(np.cos, np.zeros((1, 1)), **options)
