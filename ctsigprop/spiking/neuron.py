"""One step of an integrate-and-fire neuron (paper, Eq. 15)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from ctsigprop.settings.spiking import Reset


@dataclass(frozen=True)
class Neuron:
    """How a neuron integrates and fires (paper, Eq. 15): v_t = (1 - leak) v_(t-1) + h_t.

    Attributes:
        threshold: voltage at which it spikes.
        reset: what a spike leaves of the voltage: nothing (hard), or the voltage less the threshold (soft).
        leak: fraction of the voltage that a step loses.
    """

    threshold: float = 1.0
    reset: Reset = "hard"
    leak: float = 0.0


def step(v: Tensor, current: Tensor, neuron: Neuron) -> tuple[Tensor, Tensor]:
    """One step: v_t = (1 - leak) v_(t-1) + h_t (Eq. 15 where nothing leaks), a spike where that reaches the threshold.

    Args:
        v: voltages after the step before.
        current: h_t, of the same shape.
        neuron: threshold, reset and leak.

    Returns:
        Voltages after the reset, and spikes, 0 or 1.
    """
    charged = charge(v, current, neuron)
    spikes = fire(charged, neuron).to(charged.dtype)
    return discharge(charged, spikes, neuron), spikes


def charge(v: Tensor, current: Tensor, neuron: Neuron) -> Tensor:
    """The voltage before a spike takes it away."""
    return torch.add(current, v, alpha=1 - neuron.leak)


def fire(charged: Tensor, neuron: Neuron) -> Tensor:
    """Where there is a spike: booleans."""
    return charged >= neuron.threshold


def discharge(charged: Tensor, spikes: Tensor, neuron: Neuron) -> Tensor:
    """The voltage after the reset."""
    if neuron.reset == "hard":
        return torch.addcmul(charged, charged, spikes, value=-1)
    return torch.sub(charged, spikes, alpha=neuron.threshold)


def state_type(currents: Tensor) -> torch.dtype:
    """The type of voltages: float32 at least."""
    return torch.promote_types(currents.dtype, torch.float32)
