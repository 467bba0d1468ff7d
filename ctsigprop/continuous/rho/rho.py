"""A firing-rate function: rates, slopes and balances of whole layers."""

from functools import partial
from math import inf, isfinite
from typing import Any, Self

import numpy as np
from numba import njit
from numba.core.errors import NumbaError
from numba.extending import is_jitted

from ctsigprop.continuous.rho import kernels
from ctsigprop.continuous.rho.kernels import CLIPPED, LOGISTIC, OTHER, Array, Scalar
from ctsigprop.errors import InputError

_PROBES = np.linspace(-2.9, 2.9, 25)
_STEP = 1e-5
_SLOPE_ERROR = 1e-4


class Rho:
    """A firing-rate function of Eq. 13.

    Where the state is kept inside the linear part of rho, rho(s) = s and rho'(s) = 1 on the closed interval; a neuron
    that a bound holds does not answer to small changes of its input.

    Attributes:
        name: by which settings choose it.
        rate: rho(s) of one state, dimensionless, compiled by Numba.
        slope: rho'(s) of one state, likewise.
        bounds: lowest and highest state; the dynamics is projected onto them.
    """

    def __init__(
        self, rate: Scalar, slope: Scalar, bounds: tuple[float, float] = (-inf, inf), name: str | None = None
    ) -> None:
        """Make a firing-rate function from one's own rate and slope.

        Args:
            rate: rho(s), a function of one number that Numba can compile, or has compiled.
            slope: its derivative, likewise.
            bounds: lowest and highest state, with 0, where states begin, between or at them.
            name: by which settings choose it once it is added to `ctsigprop.RHOS`; the rate's own by default.

        Raises:
            InputError: a function that Numba cannot compile, a slope that is not the rate's, or bounds without 0.
        """
        self.name = name or (rate.__name__ if rate.__name__.isidentifier() else "own_rho")
        self.bounds = _checked_bounds(bounds)
        self.rate, self.slope = _compiled("rate", rate), _compiled("slope", slope)
        self._code = OTHER
        self._check_slope()

    @classmethod
    def shipped(cls, name: str, code: int, bounds: tuple[float, float] = (-inf, inf)) -> Self:
        """Make a function whose kernels are the program's own."""
        made = cls.__new__(cls)
        made.name, made.bounds, made._code = name, bounds, code
        made.rate, made.slope = partial(kernels.rate.py_func, code), partial(kernels.slope.py_func, code)
        return made

    def __repr__(self) -> str:
        return f"Rho({self.name!r}, bounds={self.bounds})"

    @property
    def code(self) -> int | None:
        """By which compiled fields know it; None of a function of the user's."""
        return None if self._code == OTHER else self._code

    @property
    def rate_is_state(self) -> bool:
        """Whether rho(s) = s within the bounds."""
        return self._code == CLIPPED

    def rates(self, states: Array) -> Array:
        """rho of every state, any shape; the same array where the state is its own rate."""
        if self._code == CLIPPED:
            return states
        if self._code == LOGISTIC:
            return 1 / (1 + np.exp(2 - 4 * states))
        return np.tanh(states) if self._code != OTHER else _mapped(self.rate, states)

    def inner_slopes(self, states: Array) -> Array:
        """rho' of every state, any shape, as Eq. 13 has it: the bounds themselves belong to the inside."""
        if self._code == CLIPPED:
            return np.ones_like(states)
        if self._code == OTHER:
            return _mapped(self.slope, states)
        p = self.rates(states)
        return 4 * p * (1 - p) if self._code == LOGISTIC else 1 - p * p

    def slopes(self, states: Array) -> Array:
        """rho' of every state, any shape; 0 at a bound, where a neuron is held."""
        low, high = self.bounds
        return self.inner_slopes(states) * ((states > low) & (states < high))

    def stiffness(self, states: Array, leak: Array) -> Array:
        """leak - rho''(s) net of neurons at balance without nudging: the rate at which each alone settles.

        Args:
            states: (..., units).
            leak: 1 / r, (units,).
        """
        if self._code == CLIPPED:
            return np.broadcast_to(leak, states.shape).astype(states.dtype)
        return leak * (1 - self._bends(states) * states)  # at balance net = leak s / rho'

    def state_slopes(self, states: Array, leak: Array) -> Array:
        """d s / d net of neurons at balance without nudging, shapes as in `stiffness`.

        Differentiating rho'(s) net = leak s gives ds/dnet = rho' / (leak - rho'' net); a neuron at a bound does not
        move.
        """
        return self.slopes(states) / self.stiffness(states, leak)

    def balance_slopes(self, states: Array, leak: Array) -> Array:
        """d rho(s) / d net of neurons at balance without nudging, shapes as in `stiffness`."""
        slopes = self.state_slopes(states, leak)
        return slopes if self._code == CLIPPED else self.slopes(states) * slopes

    def settle(self, net: Array, leak: Array, state: Array) -> None:
        """Write the balance of every neuron into `state`, from where it stands.

        Args:
            net: input, (samples, units).
            leak: 1 / r, (units,).
            state: (samples, units), C-contiguous.
        """
        if self._code == OTHER:
            self.settle_nudged(net, leak, np.zeros(len(net), net.dtype), np.zeros_like(net), state)
        else:
            kernels.settle(self._code, *self.bounds, net, leak, state)

    def settle_nudged(self, net: Array, leak: Array, beta: Array, pull: Array, state: Array) -> None:
        """`settle` for neurons nudged with stiffness `beta` (samples,) and `pull` (samples, units)."""
        if self._code == OTHER:
            search = kernels.settle_by_search(net.dtype)
            search(self.slope, *self.bounds, np.ascontiguousarray(net), leak, beta, np.ascontiguousarray(pull), state)
        else:
            kernels.settle_nudged(self._code, *self.bounds, net, leak, beta, pull, state)

    def add_mismatch(self, net: Array, leak: Array, state: Array, squares: Array) -> None:
        """Add each sample's |balance(net) - state|^2 to `squares` (samples,); shapes as in `settle`."""
        if self._code == OTHER:
            balanced = state.copy()
            self.settle(net, leak, balanced)
            squares += ((balanced - state) ** 2).sum(axis=1)
        else:
            kernels.add_mismatch(self._code, *self.bounds, net, leak, state, squares)

    def _bends(self, states: Array) -> Array:
        """rho'' / rho' of every state; 0 where rho' is."""
        if self._code == OTHER:
            slopes, far = _mapped(self.slope, states), np.finfo(states.dtype).eps ** (1 / 3) * (1 + np.abs(states))
            change = (_mapped(self.slope, states + far) - _mapped(self.slope, states - far)) / (2 * far)
            return np.divide(change, slopes, out=np.zeros_like(states), where=slopes != 0)
        p = self.rates(states)
        return 4 - 8 * p if self._code == LOGISTIC else -2 * p

    def _check_slope(self) -> None:
        """Refuse a slope that disagrees with the rate's differences at most places: kinks are allowed."""
        low, high = (edge + sign * 1e-3 for edge, sign in zip(self.bounds, (1, -1), strict=True))
        places = np.clip(_PROBES, low, high)
        differences = (_mapped(self.rate, places + _STEP) - _mapped(self.rate, places - _STEP)) / (2 * _STEP)
        slopes = _mapped(self.slope, places)
        wrong = ~(np.abs(slopes - differences) <= _SLOPE_ERROR * (1 + np.abs(differences)))
        if wrong.sum() > len(places) // 2:
            place = int(np.argmax(wrong))
            raise InputError(
                f"slope of {self.name}: is {slopes[place]:g} at s = {places[place]:g}, where the rate rises by "
                f"{differences[place]:g}: give the derivative of the rate"
            )


def _checked_bounds(bounds: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(edge) for edge in bounds)
    except (TypeError, ValueError):
        low = high = inf
    if not (low <= 0 <= high and low < high):
        raise InputError(
            f"bounds = {bounds!r}: must be two numbers, lowest and highest state, with 0 between or at them"
        )
    return low, high


def _compiled(which: str, function: Any) -> Scalar:
    """A function compiled for one float64, under the name that it has among the arguments of Rho."""
    if not callable(function):
        raise InputError(f"{which} = {function!r}: must be a function of one state")
    jitted: Any = function if is_jitted(function) else njit(function)
    try:
        jitted.compile("float64(float64)")
        value = jitted(0.5)
    except (NumbaError, TypeError, ZeroDivisionError) as error:
        lines = [line for line in str(error).splitlines() if line and not line.startswith("Failed in")]
        raise InputError(
            f"{which}: Numba cannot compile it for one number: {lines[0] if lines else type(error).__name__}"
        ) from error
    if not (isinstance(value, float) and isfinite(value)):
        raise InputError(f"{which}: gives {value!r} at s = 0.5: must be a finite number")
    compiled: Scalar = jitted
    return compiled


def _mapped(function: Scalar, states: Array) -> Array:
    """A compiled function of every state, any shape."""
    flat = np.ascontiguousarray(states).ravel()
    values = np.empty_like(flat)
    kernels.mapped(flat.dtype)(function, flat, values)
    return values.reshape(states.shape)
