"""The coefficient tables: what they accept, what they refuse, and the trees that they are judged by."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from ctsigprop.solvers import METHODS
from ctsigprop.solvers.butcher_trees import density, rooted_trees, size
from ctsigprop.solvers.dopri5 import DOPRI5
from ctsigprop.solvers.rk4 import RK4
from ctsigprop.solvers.tableau import Tableau


def test_rooted_trees_are_as_many_as_cayley_counted():
    counted = Counter(size(tree) for tree in rooted_trees(8))
    assert [counted[nodes] for nodes in range(1, 9)] == [1, 1, 2, 4, 9, 20, 48, 115]


def test_reciprocal_densities_of_the_trees_weighted_by_their_orderings_sum_to_one():
    # Butcher, sec. 302: over trees of n nodes, the n! / (symmetry density) monotone labellings number (n - 1)!.
    def symmetry(tree):
        product = 1
        for branch, count in Counter(tree).items():
            for repeat in range(1, count + 1):
                product *= repeat * symmetry(branch)
        return product

    for nodes in range(1, 7):
        trees = [tree for tree in rooted_trees(nodes) if size(tree) == nodes]
        labellings = sum(Fraction(1, symmetry(tree) * density(tree)) for tree in trees)
        assert labellings == Fraction(1, nodes)


@pytest.mark.parametrize("name", METHODS)
def test_dense_output_joins_the_steps_smoothly(name):
    method = METHODS[name]
    powers = np.arange(1, 5)
    slope_at_start, slope_at_end = method.dense[:, 0], method.dense @ powers
    first, closing = np.eye(method.stages + 1)[[0, -1]]
    np.testing.assert_allclose(method.dense.sum(axis=1), [*method.b, 0.0], atol=1e-14)
    np.testing.assert_allclose(slope_at_start, first, atol=1e-14)
    np.testing.assert_allclose(slope_at_end, closing, atol=1e-14)


@pytest.mark.parametrize("name", METHODS)
def test_tables_cannot_be_written_to(name):
    with pytest.raises(ValueError, match="read-only"):
        METHODS[name].a[0, 0] = 1.0


def test_the_order_declared_is_the_highest_that_holds():
    for method in METHODS.values():
        with pytest.raises(ValueError, match=f"b is not of order {method.order + 1}"):
            replace(method, order=method.order + 1)
        with pytest.raises(ValueError, match=f"dense is not of order {method.dense_order + 1}"):
            replace(method, dense_order=method.dense_order + 1)
    with pytest.raises(ValueError, match="embedded is not of order 5"):
        replace(DOPRI5, embedded_order=5)


@pytest.mark.parametrize("name", ["a", "b", "c", "embedded", "quartic"])
def test_one_wrong_digit_is_noticed(name):
    coefficients = np.array(getattr(DOPRI5, name))
    for index in np.argwhere(coefficients):
        wrong = coefficients.copy()
        wrong[tuple(index)] += 1e-9
        with pytest.raises(ValueError, match="dopri5: "):
            replace(DOPRI5, **{name: wrong})


def test_refusals():
    implicit = np.array(RK4.a)
    implicit[0, 0] = 0.1
    with pytest.raises(ValueError, match="not explicit"):
        replace(RK4, a=implicit)
    with pytest.raises(ValueError, match="rows of a do not sum to c"):
        replace(RK4, c=np.array([0.0, 0.4, 0.5, 1.0]))
    with pytest.raises(ValueError, match=r"a has shape \(3, 3\), \(4, 4\) needed"):
        replace(RK4, a=np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"embedded has shape \(6,\), \(7,\) needed"):
        replace(DOPRI5, embedded=DOPRI5.embedded[:-1])


def test_a_method_of_ones_own_is_verified_too():
    ralston = Tableau(
        name="ralston",
        order=2,
        reference="Ralston (1962)",
        a=np.array([[0.0, 0.0], [2 / 3, 0.0]]),
        b=np.array([1 / 4, 3 / 4]),
        c=np.array([0.0, 2 / 3]),
        dense_order=2,
    )
    assert ralston.stages == 2
