"""Networks of blocks of the user's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from torch import nn

from ctsigprop.data.dataset import planes_of
from ctsigprop.errors import InputError
from ctsigprop.settings.checks import require, require_number, require_whole
from ctsigprop.settings.spiking import THRESHOLD_BOUNDS
from ctsigprop.spiking.coding import CODINGS, Coding
from ctsigprop.spiking.network import SpikingBlock, SpikingNetwork
from ctsigprop.spiking.neuron import Neuron
from ctsigprop.spiking.neurons import NeuronKind
from ctsigprop.spiking.own_neurons import Dynamics, neurons_of
from ctsigprop.spiking.shapes import Shape
from ctsigprop.spiking.surrogates import SURROGATES, Surrogate


@dataclass(frozen=True, eq=False)
class Block:
    """One hidden layer: what charges the neurons, the neurons, pooling. All but the neurons see steps as more samples.

    Attributes:
        synapse: any module of a batch, shape (samples, ...), to currents of the neurons: a convolution, a fully
            connected layer (which takes flattened samples) or several modules in order. Its weights are learned in
            place.
        neuron: the name of one in `NEURONS`, a `Neuron` with a threshold of its own, or one's own `Dynamics`: a
            function, or a module whose parameters learn too.
        norm: batch normalisation after the synapse; it may as well be part of it.
        pool: after the neurons. With signal propagation, pooling that is not max pooling pools what the loss reads, and
            the spikes.
    """

    synapse: nn.Module
    neuron: str | NeuronKind | Neuron | Dynamics = "integrate_and_fire"
    pool: nn.Module | None = None
    norm: nn.Module | None = None


class BlockOptions(TypedDict, total=False):
    """What blocks share, with the value where it is left out.

    Attributes:
        steps: of time, 4; of recordings there are as many as they have.
        coding: what enters: the name of one in `CODINGS`, or a `Coding`: direct.
        threshold: voltage at which neurons without one of their own spike: 0.5 for signal propagation, else 1.
        surrogate: of the spike: the name of one in `SURROGATES`, or a `Surrogate`: arctan.
        seed: of the classification layer, the targets and random spikes: 0.
    """

    steps: int
    coding: str | Coding
    threshold: float
    surrogate: str | Surrogate
    seed: int


def network_of_blocks(
    blocks: Sequence[Block],
    shape: Shape,
    classes: int,
    *,
    steps: int = 4,
    coding: str | Coding = "direct",
    threshold: float = 1.0,
    surrogate: str | Surrogate = "arctan",
    seed: int = 0,
) -> SpikingNetwork:
    """The blocks, then a classification layer, which is drawn; for the arguments see `BlockOptions`.

    Args:
        blocks: from the input side.
        shape: of a sample, or of one step of a recording: (features,), (height, width) or (channels, height, width).
        classes: how many there are.
        steps: of time.
        coding: what enters.
        threshold: at which neurons spike.
        surrogate: of the spike.
        seed: of what is drawn.

    Raises:
        InputError: an argument that cannot be used, blocks that share weights, or a block that does not take what the
            one before gives.
    """
    require(len(blocks) > 0, "blocks", list(blocks), "at least one Block")
    require_whole("steps", steps, 1)
    require_whole("classes", classes, 2)
    require_number("threshold", threshold, *THRESHOLD_BOUNDS)
    of_spikes = SURROGATES.of(surrogate)
    enters: Shape = planes_of(tuple(shape))
    layers: list[SpikingBlock] = []
    for number, block in enumerate(blocks, start=1):
        try:
            neurons = neurons_of(block.neuron, Neuron(threshold), of_spikes, steps)
            layers.append(SpikingBlock(block.synapse, neurons, enters, norm=block.norm, pool=block.pool))
        except InputError as error:
            raise InputError(f"block {number}: {error}") from error
        enters = layers[-1].outputs
    _require_own_parameters(layers)
    return SpikingNetwork(CODINGS.of(coding).make(steps, seed), layers, classes, seed)


def _require_own_parameters(layers: Sequence[SpikingBlock]) -> None:
    owner: dict[int, int] = {}
    for number, layer in enumerate(layers, start=1):
        for parameter in layer.parameters():
            if (other := owner.setdefault(id(parameter), number)) != number:
                raise InputError(
                    f"block {number}: shares weights with block {other}: give each block modules of its own"
                )
