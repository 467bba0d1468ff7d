"""Linear systems against dense solutions, system by system, and where there is none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.solvers import Status
from ctsigprop.solvers.gmres import LinearSolution, gmres

Array = np.ndarray


def solve(matrices: Array, right: Array, **options: float) -> LinearSolution:
    return gmres(lambda x, rows: (matrices[rows] @ x[:, :, None])[:, :, 0], right, **options)


@settings(max_examples=30)
@given(n=st.integers(1, 12), count=st.integers(1, 5), seed=st.integers(0, 10**6))
def test_every_system_is_solved_in_n_steps(n: int, count: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    turned, _ = np.linalg.qr(rng.normal(size=(2, count, n, n)))
    matrices = (turned[0] * rng.uniform(0.5, 5, (count, 1, n))) @ turned[1]  # neither symmetric nor a contraction
    right = rng.normal(size=(count, n))
    found = solve(matrices, right)
    assert found.status is Status.SUCCESS
    assert (found.products <= n).all()
    assert_allclose(found.x, np.linalg.solve(matrices, right[:, :, None])[:, :, 0], atol=1e-7)


@pytest.mark.parametrize("steps", [5, 60])
def test_restarts_and_the_residual_that_is_reported(steps: int) -> None:
    rng = np.random.default_rng(0)
    matrices = np.eye(60) + 0.3 * rng.normal(size=(3, 60, 60)) / np.sqrt(60)
    right = rng.normal(size=(3, 60))
    found = solve(matrices, right, steps=steps, tolerance=1e-9)
    assert found.status is Status.SUCCESS
    left = right - (matrices @ found.x[:, :, None])[:, :, 0]
    assert_allclose(np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1), found.residual, atol=1e-14)
    assert (found.residual <= 1e-9).all()


def test_easy_systems_do_not_wait_for_hard_ones_nor_change_with_them() -> None:
    rng = np.random.default_rng(1)
    matrices = np.array([np.eye(20), np.eye(20) + 0.1 * rng.normal(size=(20, 20)), 3 * np.eye(20)])
    right = rng.normal(size=(3, 20))
    right[2] = 0
    found = solve(matrices, right, steps=4, restarts=500)
    assert found.status is Status.SUCCESS
    assert_allclose(found.x[0], right[0], rtol=1e-14)
    assert_array_equal(found.x[2], 0)
    assert found.products[2] == 0
    assert found.products[0] < found.products[1]
    alone = solve(matrices[1:2], right[1:2], steps=4, restarts=500)
    assert_allclose(alone.x[0], found.x[1], rtol=1e-9)


def test_a_system_without_a_solution_says_so() -> None:
    matrices = np.array([np.diag([1.0, 2.0, 0.0]), np.eye(3)])
    found = solve(matrices, np.ones((2, 3)), restarts=3)
    assert found.status is Status.NOT_CONVERGED
    assert_allclose(found.residual, [1 / np.sqrt(3), 0], atol=1e-12)
    assert_allclose(found.x[1], 1)


def test_numbers_that_are_not_finite_say_so() -> None:
    assert solve(np.eye(2)[None], np.array([[np.nan, 1.0]])).status is Status.NOT_FINITE


@pytest.mark.parametrize("wrong", [{"tolerance": 0.0}, {"steps": 0}, {"restarts": -1}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} = "):
        solve(np.eye(2)[None], np.ones((1, 2)), **wrong)
