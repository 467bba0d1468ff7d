"""The cost C(o, d) whose gradient nudges the outputs in the clamped phase: beta dC/do in Eq. 13."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctsigprop.core.registry import Registry
from ctsigprop.errors import InputError
from ctsigprop.settings import choices

Array = NDArray[np.floating]
Function = Callable[[Array, Array], Array]

_STEP, _ERROR = 1e-5, 1e-4


@dataclass(frozen=True, eq=False)
class Cost:
    """A cost of the output states of each sample.

    While an output is brought to its balance, the gradient is taken at its last state u and continued with slope
    `curvature`: dC/do ~ gradient(u) + curvature (o - u). Where the gradient is linear with that slope this is exact;
    elsewhere passes repeat it until u = o. A curvature no smaller than any of the cost's makes that converge.

    Attributes:
        value: C of each sample, from outputs and targets (samples, outputs) to (samples,).
        gradient: dC/do, from the same to (samples, outputs).
        name: by which settings choose it.
        curvature: a bound on the second derivative of C by one output.
        quadratic: whether the gradient is linear with slope `curvature`, which saves passes.

    Raises:
        InputError: a gradient of another shape than the outputs', or that is not the value's.
    """

    value: Function
    gradient: Function
    name: str = "own_cost"
    curvature: float = 1.0
    quadratic: bool = False

    def __post_init__(self) -> None:
        if not (np.isfinite(self.curvature) and self.curvature >= 0):
            raise InputError(f"curvature = {self.curvature!r} of {self.name}: must be a finite number, at least 0")
        rng = np.random.default_rng(0)
        outputs, targets = rng.uniform(0.1, 0.9, (4, 3)), np.eye(3)[[0, 1, 2, 0]]
        values, found = (np.asarray(function(outputs, targets)) for function in (self.value, self.gradient))
        if values.shape != (4,) or found.shape != outputs.shape:
            raise InputError(
                f"cost {self.name}: outputs of shape (4, 3) give values of shape {values.shape} and a gradient of "
                f"shape {found.shape}: must be (4,) and (4, 3)"
            )
        way = rng.normal(size=outputs.shape)
        ahead, behind = (self.value(outputs + sign * _STEP * way, targets) for sign in (1, -1))
        rise, said = (ahead - behind) / (2 * _STEP), (found * way).sum(axis=1)
        if not np.all(np.abs(rise - said) <= _ERROR * (1 + np.abs(rise))):
            raise InputError(f"cost {self.name}: the gradient is not that of the value: derive it anew")

    def __repr__(self) -> str:
        return f"Cost({self.name!r})"

    def pull(self, outputs: Array, targets: Array) -> Array:
        """curvature u - gradient(u) of output states u: what a nudge of strength 1 adds to their input."""
        if self.quadratic:
            origin = np.zeros_like(targets)
            return np.asarray(-self.gradient(origin, targets), targets.dtype)
        found = self.curvature * outputs - self.gradient(outputs, targets)
        return np.asarray(found, outputs.dtype)


def _squares(outputs: Array, targets: Array) -> Array:
    return ((outputs - targets) ** 2).sum(axis=1) / 2


def _difference(outputs: Array, targets: Array) -> Array:
    return outputs - targets


def _softmax(outputs: Array) -> Array:
    shares = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _cross_entropy(outputs: Array, targets: Array) -> Array:
    highest = outputs.max(axis=1, keepdims=True)
    whole = highest[:, 0] + np.log(np.exp(outputs - highest).sum(axis=1))
    return whole * targets.sum(axis=1) - (outputs * targets).sum(axis=1)


def _share_error(outputs: Array, targets: Array) -> Array:
    return _softmax(outputs) * targets.sum(axis=1, keepdims=True) - targets


SQUARED_ERROR = Cost(_squares, _difference, "squared_error", quadratic=True)
"""|o - d|^2 / 2, the paper's."""

CROSS_ENTROPY = Cost(_cross_entropy, _share_error, "cross_entropy", curvature=0.5)
"""-sum d log softmax(o); for outputs that may take any value, such as linear ones."""

COSTS: Registry[Cost] = choices.COSTS
