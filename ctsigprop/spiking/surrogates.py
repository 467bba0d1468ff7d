"""Smooth stand-ins for the step that makes a spike of a voltage: a primitive and its derivative (paper, Eq. 16-17)."""

from collections.abc import Callable
from dataclasses import dataclass
from math import pi
from typing import Any

import torch
from torch import Tensor

from ctsigprop.core.registry import Registry
from ctsigprop.settings import choices


@dataclass(frozen=True)
class Surrogate:
    """A function that rises from 0 to 1 through 1/2 at 0, where its slope is 1.

    Attributes:
        primitive: of the voltage above the threshold, of any shape; a new tensor.
        derivative: of the primitive; a new tensor.
        name: by which settings choose it.
    """

    primitive: Callable[[Tensor], Tensor]
    derivative: Callable[[Tensor], Tensor]
    name: str = "own_surrogate"

    def __call__(self, voltages: Tensor, threshold: float) -> Tensor:
        """The primitive of the voltages above a threshold; its gradient is the derivative, as it is written here."""
        values: Tensor = _Primitive.apply(voltages, threshold, self)  # type: ignore[no-untyped-call]
        return values

    def spikes(self, voltages: Tensor, threshold: float) -> Tensor:
        """1 where a voltage is at least the threshold, else 0; the gradient is the derivative times what comes."""
        fired: Tensor = _Spike.apply(voltages, threshold, self)  # type: ignore[no-untyped-call]
        return fired


def _arctan(x: Tensor) -> Tensor:
    """g(x) = arctan(pi x) / pi + 1/2 (Eq. 16)."""
    return (x * pi).atan_().div_(pi).add_(0.5)


def _arctan_slope(x: Tensor) -> Tensor:
    """g'(x) = 1 / (1 + (pi x)^2) (Eq. 17)."""
    return (x * pi).square_().add_(1).reciprocal_()


def _sigmoid(x: Tensor) -> Tensor:
    return (4 * x).sigmoid_()


def _sigmoid_slope(x: Tensor) -> Tensor:
    """4 s (1 - s), where s is the sigmoid of 4 x."""
    s = _sigmoid(x)
    return torch.addcmul(s, s, s, value=-1).mul_(4)


def _triangle(x: Tensor) -> Tensor:
    """Integral of the triangle: 1/2 + x - x |x| / 2 between -1 and 1 (Esser et al. 2016)."""
    inside = x.clamp(-1, 1)
    return torch.addcmul(inside, inside, inside.abs(), value=-0.5).add_(0.5)


def _triangle_slope(x: Tensor) -> Tensor:
    """1 - |x|, and 0 outside of -1 and 1."""
    return x.abs().neg_().add_(1).clamp_(min=0)


ARCTAN = Surrogate(_arctan, _arctan_slope, "arctan")
SIGMOID = Surrogate(_sigmoid, _sigmoid_slope, "sigmoid")
TRIANGLE = Surrogate(_triangle, _triangle_slope, "triangle")

SURROGATES: Registry[Surrogate] = choices.SURROGATES


class _Primitive(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, voltages: Tensor, threshold: float, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(voltages)
        ctx.threshold, ctx.surrogate = threshold, surrogate
        return surrogate.primitive(voltages - threshold)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor, None, None]:
        (voltages,) = ctx.saved_tensors
        return ctx.surrogate.derivative(voltages - ctx.threshold).mul_(gradients[0]), None, None


class _Spike(_Primitive):
    @staticmethod
    def forward(ctx: Any, voltages: Tensor, threshold: float, surrogate: Surrogate) -> Tensor:
        ctx.save_for_backward(voltages)
        ctx.threshold, ctx.surrogate = threshold, surrogate
        return (voltages >= threshold).to(voltages.dtype)
