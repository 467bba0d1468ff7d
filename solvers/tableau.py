"""Explicit Runge-Kutta methods as tables of coefficients that verify themselves when they are built.

Reference: Hairer, Norsett & Wanner, Solving Ordinary Differential Equations I (2nd ed.), II.1-II.6.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctsigprop.solvers.butcher_trees import density, elementary_weights, rooted_trees, size

Coefficients = NDArray[np.float64]

_ROUNDING = 1e-12
_POWERS = np.arange(1, 5)


@dataclass(frozen=True, eq=False)
class Tableau:
    """Butcher tableau of an explicit method of s stages whose steps are closed by the field at the new state.

    The closing evaluation is the first stage of the next step, so it costs nothing but at the very end. It is
    slope number s in the error estimate and in the dense output

        y(t + x h) = y + h sum_j sum_p dense[j, p] x^(p + 1) slope_j,    0 <= x <= 1,

    the cubic Hermite interpolant of the two ends plus x^2 (1 - x)^2 sum_j quartic_j slope_j.

    Attributes:
        name: the method's name.
        order: order of the solution that is carried on.
        reference: where the coefficients were published.
        a: stage coefficients, shape (s, s), strictly lower triangular.
        b: weights of the solution, shape (s,).
        c: stage times as fractions of the step, shape (s,).
        embedded: weights of the companion solution, shape (s + 1,); empty for a method without error control.
        embedded_order: order of the companion solution.
        quartic: weights of the quartic term of the dense output, shape (s + 1,); empty for the plain cubic.
        dense_order: order to which the dense output is exact.
        exact_leak: whether the engine replaces the one increment by the exact one of a linear leak.
        error: difference of the two solutions' weights, shape (s + 1,); empty without a companion.
        dense: coefficients of the dense output, shape (s + 1, 4).

    Raises:
        ValueError: coefficients that are not those of an explicit method of the declared orders.
    """

    name: str
    order: int
    reference: str
    a: Coefficients
    b: Coefficients
    c: Coefficients
    embedded: Coefficients = field(default_factory=lambda: np.empty(0))
    embedded_order: int = 0
    quartic: Coefficients = field(default_factory=lambda: np.empty(0))
    dense_order: int = 1
    exact_leak: bool = False
    error: Coefficients = field(init=False)
    dense: Coefficients = field(init=False)

    def __post_init__(self) -> None:
        """Verify the shapes, derive the error and dense weights, and verify every order condition."""
        for name in ("a", "b", "c", "embedded", "quartic"):
            self._freeze(name, getattr(self, name))
        s = self.stages
        for name, allowed in (
            ("a", [(s, s)]),
            ("c", [(s,)]),
            ("embedded", [(0,), (s + 1,)]),
            ("quartic", [(0,), (s + 1,)]),
        ):
            if (shape := getattr(self, name).shape) not in allowed:
                raise ValueError(f"{self.name}: {name} has shape {shape}, {allowed[-1]} needed for {s} stages")
        closed_b = np.append(self.b, 0.0)
        self._freeze("error", closed_b - self.embedded if self.embedded.size else self.embedded)
        self._freeze("dense", self._dense(closed_b))
        self._verify(closed_b)

    def __repr__(self) -> str:
        return f"Tableau({self.name!r}, order {self.order}, {self.stages} stages)"

    @property
    def stages(self) -> int:
        """Evaluations of the field in a step: the closing one is the first of the next step."""
        return int(self.b.size)

    @property
    def closed_a(self) -> Coefficients:
        """Coefficients with the closing evaluation as a last stage, shape (s + 1, s + 1)."""
        return np.pad(np.vstack([self.a, self.b]), ((0, 0), (0, 1)))

    def _freeze(self, name: str, values: ArrayLike) -> None:
        array = np.array(values, dtype=np.float64)
        array.setflags(write=False)
        object.__setattr__(self, name, array)

    def _dense(self, closed_b: Coefficients) -> Coefficients:
        dense = np.outer(closed_b, [0.0, 3.0, -2.0, 0.0])
        dense[0] += [1.0, -2.0, 1.0, 0.0]
        dense[-1] += [0.0, -1.0, 1.0, 0.0]
        if self.quartic.size:
            dense += np.outer(self.quartic, [0.0, 1.0, -2.0, 1.0])
        return dense

    def _verify(self, closed_b: Coefficients) -> None:
        if np.any(np.triu(self.a)):
            raise ValueError(f"{self.name}: a is not strictly lower triangular, so the method is not explicit")
        if np.abs(self.a.sum(axis=1) - self.c).max() > _ROUNDING:
            raise ValueError(f"{self.name}: the rows of a do not sum to c")
        self._verify_order("b", closed_b, self.order)
        if self.embedded.size:
            self._verify_order("embedded", self.embedded, self.embedded_order)
        for x in (0.25, 0.5, 0.75, 1.0):
            self._verify_order("dense", self.dense @ x**_POWERS, self.dense_order, x)

    def _verify_order(self, name: str, weights: Coefficients, order: int, x: float = 1.0) -> None:
        """Check sum_j weights_j phi_j(tree) = x^|tree| / density(tree) for every tree up to the order."""
        for tree in rooted_trees(order):
            exact = x ** size(tree) / density(tree)
            if abs(weights @ elementary_weights(tree, self.closed_a) - exact) > _ROUNDING:
                raise ValueError(f"{self.name}: {name} is not of order {order}: it fails the condition of tree {tree}")
