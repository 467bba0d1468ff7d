"""Products with weights against NumPy's in float64, for every kernel and at the edges between them."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from ctsigprop.continuous.products import FEW_ACTIVE, FEW_ROWS, add_outer, add_product

Arrays = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]
ROUNDING = {"float32": 1e-5, "float64": 1e-13}


def drawn(rows: int, sources: int, targets: int, active: float, dtype: str) -> Arrays:
    """Rates of which a fraction is not zero, weights, and rates of the targets."""
    rng = np.random.default_rng([rows, sources, targets])
    rates = rng.random((rows, sources)) * (rng.random((rows, sources)) < active)
    return tuple(
        one.astype(dtype) for one in (rates, rng.standard_normal((sources, targets)), rng.random((rows, targets)))
    )


@given(
    rows=st.integers(1, FEW_ROWS + 4),
    sources=st.integers(1, 11),
    targets=st.integers(1, 9),
    active=st.sampled_from([0.0, FEW_ACTIVE / 2, 0.6, 1.0]),
    transposed=st.booleans(),
    dtype=st.sampled_from(list(ROUNDING)),
)
def test_a_product_is_added_to_its_base(
    rows: int, sources: int, targets: int, active: float, transposed: bool, dtype: str
) -> None:
    rates, weight, base = drawn(rows, sources, targets, active, dtype)
    laid_out = np.ascontiguousarray(weight.T).T if transposed else weight
    for start in (base, base[:1]):
        kept = start.copy()
        total = add_product(rates, laid_out, start)
        expected = start.astype(np.float64) + rates.astype(np.float64) @ weight.astype(np.float64)
        assert total.dtype == dtype
        np.testing.assert_allclose(total, expected, rtol=0, atol=ROUNDING[dtype] * sources)
        np.testing.assert_array_equal(start, kept)


@pytest.mark.parametrize(("rows", "dtype"), list(product((0, 1, 2, 3, 20), ROUNDING)))
def test_an_outer_product_is_added_to_what_is_kept_of_the_weights(rows: int, dtype: str) -> None:
    pre, weight, post = drawn(rows, 7, 5, 0.6, dtype)
    expected = 0.9 * weight.astype(np.float64) + 0.3 * pre.T.astype(np.float64) @ post.astype(np.float64)
    memory = weight[:]
    add_outer(weight, pre, post, 0.3, 0.9)
    np.testing.assert_allclose(memory, expected, rtol=0, atol=ROUNDING[dtype] * max(rows, 1))
