"""Surrogates: each derivative is that of its own primitive, which rises from 0 to 1 through 1/2."""

from math import pi

import numpy as np
import pytest
import torch

from ctsigprop.spiking.surrogates import SURROGATES, Surrogate

EVERY = pytest.mark.parametrize("surrogate", SURROGATES.values(), ids=SURROGATES)
POINTS = torch.linspace(-3, 3, 1202, dtype=torch.float64)  # none of them a kink of the triangle


@EVERY
def test_the_derivative_is_that_of_the_primitive(surrogate: Surrogate) -> None:
    width = 1e-6
    differences = (surrogate.primitive(POINTS + width) - surrogate.primitive(POINTS - width)) / (2 * width)
    torch.testing.assert_close(surrogate.derivative(POINTS), differences, atol=1e-8, rtol=0)


@EVERY
def test_autograd_takes_the_derivative(surrogate: Surrogate) -> None:
    voltages = POINTS.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda v: surrogate(v, 0.3), [voltages])
    surrogate(voltages, 0.3).sum().backward()
    torch.testing.assert_close(voltages.grad, surrogate.derivative(POINTS - 0.3))


@EVERY
def test_it_rises_from_0_to_1_through_a_half(surrogate: Surrogate) -> None:
    values = surrogate.primitive(POINTS)
    assert (values.diff() >= 0).all()
    torch.testing.assert_close(values + values.flip(0), torch.ones_like(values))
    ends = surrogate.primitive(torch.tensor([-1e6, 0, 1e6], dtype=torch.float64))
    np.testing.assert_allclose(ends, [0, 0.5, 1], atol=1e-6)
    assert surrogate.derivative(torch.zeros(1)).item() == pytest.approx(1)


def test_the_arctan_is_that_of_the_paper() -> None:
    x = POINTS.numpy()
    np.testing.assert_allclose(SURROGATES["arctan"].primitive(POINTS), np.arctan(pi * x) / pi + 0.5, atol=1e-15)
    np.testing.assert_allclose(SURROGATES["arctan"].derivative(POINTS), 1 / (1 + (pi * x) ** 2), atol=1e-15)


@EVERY
def test_what_it_is_given_stays_as_it_is(surrogate: Surrogate) -> None:
    given = POINTS.clone()
    surrogate.primitive(given)
    surrogate.derivative(given)
    assert torch.equal(given, POINTS)
