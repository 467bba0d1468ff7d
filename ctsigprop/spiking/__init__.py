"""Spiking networks that learn with forward passes only (paper, Sec. VI): blocks of one's own and what trains them.

Each name is imported when it is first used, and PyTorch with it:

    import ctsigprop as ct
    from torch import nn

    blocks = [ct.spiking.Block(nn.Conv2d(1, 16, 3), pool=nn.MaxPool2d(2)), ct.spiking.Block(nn.Linear(144, 64))]
    run = ct.fit(ct.spiking.SigProp(blocks, shape=(8, 8), classes=10), ct.load_dataset("digits"))
"""

from typing import TYPE_CHECKING, Any

from ctsigprop.core.lazy import imported, names_of

if TYPE_CHECKING:
    from ctsigprop.spiking.blocks import Block as Block
    from ctsigprop.spiking.coding import CODINGS as CODINGS
    from ctsigprop.spiking.coding import Coding as Coding
    from ctsigprop.spiking.monitor.recording import account_of as account_of
    from ctsigprop.spiking.monitor.recording import network_of as network_of
    from ctsigprop.spiking.monitor.recording import record as record
    from ctsigprop.spiking.neuron import Neuron as Neuron
    from ctsigprop.spiking.neurons import NEURONS as NEURONS
    from ctsigprop.spiking.neurons import NeuronKind as NeuronKind
    from ctsigprop.spiking.own import Backprop as Backprop
    from ctsigprop.spiking.own import Shallow as Shallow
    from ctsigprop.spiking.own import SigProp as SigProp
    from ctsigprop.spiking.own_neurons import Dynamics as Dynamics
    from ctsigprop.spiking.own_neurons import Fire as Fire
    from ctsigprop.spiking.surrogates import SURROGATES as SURROGATES
    from ctsigprop.spiking.surrogates import Surrogate as Surrogate

_HOMES = {
    "ctsigprop.spiking.blocks": ("Block",),
    "ctsigprop.spiking.coding": ("CODINGS", "Coding"),
    "ctsigprop.spiking.monitor.recording": ("account_of", "network_of", "record"),
    "ctsigprop.spiking.neuron": ("Neuron",),
    "ctsigprop.spiking.neurons": ("NEURONS", "NeuronKind"),
    "ctsigprop.spiking.own": ("Backprop", "Shallow", "SigProp"),
    "ctsigprop.spiking.own_neurons": ("Dynamics", "Fire"),
    "ctsigprop.spiking.surrogates": ("SURROGATES", "Surrogate"),
}

__all__ = names_of(_HOMES)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used; PyTorch must be installed."""
    return imported(__name__, name, _HOMES)


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)
