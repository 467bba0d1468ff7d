"""Integrate-and-fire neurons of snnTorch and of SpikingJelly, in the place of ours in a network of this family.

Weights, the folding of steps into the batch and the first layer's one product for all steps then are the same for all;
what differs is what the packages make themselves: neurons, surrogate, and the way back through them. Both packages
differentiate the reset as we do (`detach_reset=False` in SpikingJelly; `reset_delay=False` in snnTorch, whose default
detaches it), and their arc tangent at alpha = 2 is Eq. 16-17 of the paper.

snnTorch is in the `dev` extra. SpikingJelly asks for torchvision and torchaudio, of which nothing is used here: install
it without what it asks for (`INSTALL`).
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from types import ModuleType

import torch
from torch import Tensor, nn

from ctsigprop.errors import InputError
from ctsigprop.spiking.network import SpikingNetwork
from ctsigprop.spiking.neurons import Neurons

ALPHA = 2.0
"""Of both packages' arc tangent: its slope is alpha / 2 / (1 + (pi alpha x / 2)^2)."""
INSTALL = "pip install snntorch loguru && pip install --no-deps spikingjelly"


class SnnTorchNeurons(nn.Module):
    """snnTorch's leaky neuron with a hard reset in the step of the spike; at beta = 1 it is ideal."""

    def __init__(self, neurons: Neurons) -> None:
        """Neurons like those of ours.

        Raises:
            InputError: snnTorch is not installed.
            ValueError: the reset is soft: snnTorch's takes the threshold off before it looks for a second spike.
        """
        super().__init__()
        if neurons.neuron.reset != "hard":
            raise ValueError(f"reset = {neurons.neuron.reset!r}: must be hard for snnTorch")
        snntorch, surrogate = _module("snntorch"), _module("snntorch.surrogate")
        self.steps = neurons.steps
        self.leaky = snntorch.Leaky(
            beta=1 - neurons.neuron.leak,
            threshold=neurons.neuron.threshold,
            spike_grad=surrogate.atan(alpha=ALPHA),
            reset_mechanism="zero",
            reset_delay=False,
        )

    def forward(self, currents: Tensor) -> Tensor:
        """As `ctsigprop.spiking.neurons.Neurons.forward`."""
        one_a_step = currents.flatten(0, 1).split(currents.shape[1])
        v, spikes = torch.zeros_like(one_a_step[0]), []
        for t in range(self.steps):
            spike, v = self.leaky(one_a_step[t % len(one_a_step)], v)
            spikes.append(spike)
        return torch.cat(spikes).unflatten(0, (self.steps, -1))  # cat keeps channels-last, stack does not


class SpikingJellyNeurons(nn.Module):
    """SpikingJelly's neuron in its multi-step mode: all steps in one call."""

    def __init__(self, neurons: Neurons) -> None:
        """Neurons like those of ours.

        Raises:
            InputError: SpikingJelly is not installed.
        """
        super().__init__()
        node, surrogate = (_module(f"spikingjelly.activation_based.{name}") for name in ("neuron", "surrogate"))
        kind = neurons.neuron
        self.steps = neurons.steps
        make = partial(node.LIFNode, tau=1 / kind.leak, decay_input=False) if kind.leak else node.IFNode
        self.node = make(
            v_threshold=float(kind.threshold),
            v_reset=0.0 if kind.reset == "hard" else None,
            surrogate_function=surrogate.ATan(alpha=ALPHA),
            detach_reset=False,
            step_mode="m",
        )

    def forward(self, currents: Tensor) -> Tensor:
        """As `ctsigprop.spiking.neurons.Neurons.forward`."""
        self.node.reset()
        spikes: Tensor = self.node(currents.expand(self.steps, *currents.shape[1:]))
        return spikes


Peer = Callable[[Neurons], nn.Module]
PEERS: dict[str, Peer] = {"snnTorch": SnnTorchNeurons, "SpikingJelly": SpikingJellyNeurons}


def replace_neurons(network: SpikingNetwork, peer: Peer) -> None:
    """Puts a peer's neurons in the place of each layer's."""
    for block in network.blocks:
        block.add_module("neurons", peer(block.neurons))


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as missing:
        package = (missing.name or name).partition(".")[0]
        raise InputError(f"{package} is not installed: {INSTALL}") from None
