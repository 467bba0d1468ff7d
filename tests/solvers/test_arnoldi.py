"""Extreme eigenvalues against dense ones, and where the Krylov space is used up early."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.solvers.arnoldi import Extreme, Product, outermost, rightmost

Array = np.ndarray


def times(matrices: Array) -> Product:
    return lambda x: (matrices @ x[:, :, None])[:, :, 0]


def found(matrices: Array, seed: int = 0, **options: float) -> Extreme:
    return rightmost(times(matrices), np.random.default_rng(seed).normal(size=matrices.shape[:2]), **options)


def dense(matrices: Array) -> Array:
    """The eigenvalue of largest real part, of a pair the one above the axis."""
    values = np.linalg.eigvals(matrices)
    right = np.take_along_axis(values, values.real.argmax(axis=1)[:, None], axis=1)[:, 0]
    return right.real + 1j * np.abs(right.imag)


@settings(max_examples=30)
@given(n=st.integers(1, 12), count=st.integers(1, 4), seed=st.integers(0, 10**6))
def test_a_whole_krylov_space_gives_the_dense_eigenvalue(n: int, count: int, seed: int) -> None:
    matrices = np.random.default_rng(seed).normal(size=(count, n, n))
    answer = found(matrices, seed)
    expected = dense(matrices)
    assert_allclose(answer.values.real, expected.real, atol=1e-7)
    assert answer.residual.max() <= 1e-8
    assert answer.products <= n


@pytest.mark.parametrize("symmetric", [True, False])
def test_restarts_reach_the_edge_of_a_large_spectrum(symmetric: bool) -> None:
    matrices = np.random.default_rng(1).normal(size=(3, 150, 150)) / np.sqrt(150)
    matrices[:, 0, 0] += 2
    if symmetric:
        matrices = (matrices + matrices.transpose(0, 2, 1)) / 2
    few = found(matrices, steps=12, tolerance=1e-9, restarts=200)
    assert few.products > 12
    assert few.residual.max() <= 1e-9
    assert_allclose(few.values, dense(matrices), atol=1e-6)


def test_too_few_steps_say_so() -> None:
    matrices = np.random.default_rng(2).normal(size=(2, 80, 80))
    assert found(matrices, steps=3, restarts=1).residual.min() > 1e-4


def test_a_space_of_few_dimensions_is_used_up() -> None:
    rng = np.random.default_rng(3)
    left, right = rng.normal(size=(2, 2, 60, 3))
    matrices = left @ right.transpose(0, 2, 1)
    answer = found(matrices)
    assert answer.products <= 5
    assert_allclose(answer.values, dense(right.transpose(0, 2, 1) @ left), rtol=1e-9)


def test_matrices_of_one_batch_do_not_meet() -> None:
    matrices = np.random.default_rng(4).normal(size=(3, 9, 9))
    start = np.random.default_rng(5).normal(size=(3, 9))
    together = rightmost(times(matrices), start).values
    for place in range(3):
        alone = rightmost(times(matrices[[place]]), start[[place]]).values
        assert_allclose(together[place], alone[0], rtol=1e-10)


def test_exact_answers() -> None:
    shift = np.diag(np.ones(4), 1)  # nilpotent: all eigenvalues 0
    cycle = np.roll(np.eye(5), 1, axis=1)  # the fifth roots of 1
    turn = np.zeros((5, 5))
    turn[:2, :2] = [[0, -3], [3, 0]]  # 3i, as far right as 0
    matrices = np.array([shift, cycle, turn, -cycle])
    start = np.eye(5)[[4, 0, 0, 0]]
    answer = rightmost(times(matrices), start)
    assert_array_equal(answer.values[0], 0)
    fifth = np.exp(0.2j * np.pi)
    assert_allclose(answer.values[1:], [1, 3j, fifth], atol=1e-12)
    assert_array_equal(rightmost(times(matrices), np.zeros((4, 5))).values, 0)


@pytest.mark.parametrize("wrong", [{"tolerance": 0.0}, {"steps": 0}, {"restarts": -1}])
def test_numbers_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} = "):
        found(np.ones((1, 2, 2)), **wrong)


@pytest.mark.parametrize("n", [3, 40])
def test_the_spectral_radius_is_found(n: int) -> None:
    matrices = np.random.default_rng(n).normal(size=(5, n, n))
    start = np.random.default_rng(1).normal(size=(5, n))
    result = outermost(lambda x: (matrices @ x[:, :, None])[:, :, 0], start, tolerance=1e-10, restarts=200)
    expected = np.abs(np.linalg.eigvals(matrices)).max(axis=1)
    np.testing.assert_allclose(np.abs(result.values), expected, rtol=1e-8)
