"""The network of Table V: two convolutions, a fully connected layer, a classification layer (paper, Sec. VI-A).

The paper does not give its widths. Here: convolutions of 3 x 3 with 32 and 64 channels, without biases because batch
normalisation has them, and 256 fully connected neurons; small enough for a CPU. The classification layer is linear.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ctsigprop.discrete.spatial import fit_grid
from ctsigprop.discrete.target_forward import for_targets
from ctsigprop.errors import InputError
from ctsigprop.layered.seeding import Use, draw_weights, generator
from ctsigprop.settings.checks import require
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.coding import CODINGS
from ctsigprop.spiking.neuron import Neuron
from ctsigprop.spiking.neurons import Neurons
from ctsigprop.spiking.own_neurons import neurons_of
from ctsigprop.spiking.shapes import Shape, begins_linear, passed_shape
from ctsigprop.spiking.surrogates import SURROGATES

KERNEL = 3

Lengths = Tensor | NDArray[Any] | Sequence[int]


class SpikingBlock(nn.Module):
    """One hidden layer: products with weights, batch normalisation, neurons, pooling.

    All but the neurons see the steps as more samples.

    Attributes:
        layer: the weights: a fully connected layer, a convolution or any other module.
        norm: batch normalisation, or nothing.
        neurons: of the layer.
        pool: after them, or nothing.
        inputs: shape of one sample at one step as it enters: (features,) or (channels, height, width).
        outputs: shape of one sample at one step as it leaves.
    """

    def __init__(
        self,
        layer: nn.Module,
        neurons: Neurons,
        inputs: Shape,
        *,
        norm: nn.Module | None = None,
        pool: nn.Module | None = None,
    ) -> None:
        """Arguments are the attributes.

        Raises:
            InputError: what enters does not pass.
        """
        super().__init__()
        self.layer, self.neurons, self.inputs = layer, neurons, inputs
        self.norm, self.pool = norm or nn.Identity(), pool or nn.Identity()
        self._flattens = begins_linear(layer)
        weights = nn.Sequential(*([nn.Flatten()] if self._flattens else []), layer, self.norm)
        self.outputs = passed_shape(self.pool, passed_shape(weights, inputs))

    def forward(self, x: Tensor) -> Tensor:
        """Spikes, shape (steps, samples, *outputs), of what enters: (steps or 1, samples, *inputs)."""
        return self.pooled(self.neurons(self.currents(x)))

    def currents(self, x: Tensor) -> Tensor:
        """What charges the neurons, at as many steps as enter: 1 where all are alike."""
        return self._charges(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def target_currents(self, t: Tensor) -> Tensor:
        """The same of targets, normalised with the statistics of the inputs alone (paper, Sec. III-D).

        Args:
            t: (steps or 1, targets, *inputs), or sparse (paper, Sec. III-E): of any other height and width; a fully
                connected layer takes them on the grid of its inputs.
        """
        folded = t.flatten(0, 1)
        if folded.dim() == 4 and self._flattens:
            folded = fit_grid(folded, (self.inputs[1], self.inputs[2]))
        with for_targets(self.layer), for_targets(self.norm):
            return self._charges(folded).unflatten(0, t.shape[:2])

    @property
    def pools_largest(self) -> bool:
        """Whether pooling, if any, takes the largest of a window, so that it may come before what rises."""
        return isinstance(self.pool, nn.Identity | nn.MaxPool2d | nn.AdaptiveMaxPool2d)

    def pooled(self, x: Tensor) -> Tensor:
        """Pools each step of what has the shape of the neurons."""
        return self.pool(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def _charges(self, folded: Tensor) -> Tensor:
        charges: Tensor = self.norm(self.layer(folded.flatten(1) if self._flattens else folded))
        return charges


def weights_of(block: SpikingBlock) -> nn.Linear | nn.Conv2d:
    """The weights of a layer that consists of nothing else.

    Raises:
        InputError: the layer is another module.
    """
    if not isinstance(block.layer, nn.Linear | nn.Conv2d):
        raise InputError(f"{type(block.layer).__name__}: must be Linear or Conv2d here, with batch normalisation apart")
    return block.layer


def mean_within(x: Tensor, lengths: Tensor | None) -> Tensor:
    """Mean over the steps that each sample has, shape (samples, ...), of (steps, samples, ...)."""
    if lengths is None:
        return x.mean(0)
    within = torch.arange(len(x), device=x.device)[:, None] < lengths
    shares = (within / lengths).to(x.dtype)
    return (x * shares.view(*shares.shape, *[1] * (x.dim() - 2))).sum(0)


class Readout(nn.Module):
    """The classification layer: its output, averaged over the steps.

    Attributes:
        layer: linear, so that its mean output is its output of the mean.
    """

    def __init__(self, layer: nn.Linear) -> None:
        """Reads out the last hidden layer."""
        super().__init__()
        self.layer = layer

    def forward(self, spikes: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Logits, shape (samples, classes), of spikes (steps, samples, ...).

        Args:
            spikes: of the last hidden layer.
            lengths: steps of each sample, those after which are padding; all where it is left out.
        """
        return self.layer(mean_within(spikes, lengths).flatten(1))

    def outputs(self, spikes: Tensor) -> Tensor:
        """At each step, shape (steps, samples, classes): the logits are their mean, but for rounding."""
        return self.layer(spikes.flatten(0, 1).flatten(1)).unflatten(0, spikes.shape[:2])


class SpikingNetwork(nn.Module):
    """Hidden layers of spiking neurons between a coding and a classification layer.

    Attributes:
        coding: images, (samples, channels, height, width), or recordings to what enters, (steps or 1, samples, ...).
        blocks: the hidden layers, from the input side.
        readout: the classification layer.
        classes: how many there are.
        seed: of every draw.
    """

    def __init__(self, coding: nn.Module, blocks: Sequence[SpikingBlock], classes: int, seed: int) -> None:
        """Draws the classification layer."""
        super().__init__()
        self.coding = coding
        self.blocks: Sequence[SpikingBlock] = nn.ModuleList(blocks)  # type: ignore[assignment]
        output = nn.Linear(prod(blocks[-1].outputs), classes)
        draw_weights(output, generator(seed, len(blocks) + 1, Use.WEIGHTS))
        self.readout = Readout(output)
        self.classes = classes
        self.seed = seed

    def forward(self, images: Tensor) -> Tensor:
        """Logits, shape (samples, classes)."""
        return self.of_sequence(self.coding(images))

    def of_sequence(self, x: Tensor, lengths: Lengths | None = None) -> Tensor:
        """Logits of what enters at each step.

        Args:
            x: spikes, currents or event frames, shape (steps or 1, samples, ...).
            lengths: steps of each sample, as for `Readout`: a recording that is padded so has its own logits.

        Raises:
            InputError: lengths that are not one whole number a sample, from 1 to the steps.
        """
        for block in self.blocks:
            x = block(x)
        return self.readout(x, None if lengths is None else _checked(lengths, x))


def _checked(lengths: Lengths, spikes: Tensor) -> Tensor:
    """Lengths that spikes, shape (steps, samples, ...), can have, on their device."""
    steps, samples = spikes.shape[:2]
    allowed = f"{samples} whole numbers from 1 to {steps}, one a sample"
    try:
        found = torch.as_tensor(lengths, device=spikes.device)
    except (TypeError, ValueError, RuntimeError):
        raise InputError(f"lengths: are of type {type(lengths).__name__}: must be {allowed}") from None
    whole = not found.is_floating_point() and not found.is_complex() and found.dtype != torch.bool
    require(whole and found.shape == (samples,), "lengths", f"{found.dtype} of shape {tuple(found.shape)}", allowed)
    for wrong in found[(found < 1) | (found > steps)][:1].tolist():
        raise InputError(f"lengths = {wrong}: must be {allowed}")
    return found


def build(settings: SpikingSettings, shape: tuple[int, ...], classes: int) -> SpikingNetwork:
    """The network that the settings name, freshly drawn from their seed.

    Args:
        settings: network, model and seed.
        shape: of a sample: (height, width) or (channels, height, width).
        classes: how many there are.

    Raises:
        InputError: the samples are smaller than the pooling layers need.
    """
    network, seed = settings.network, settings.training.seed
    channels, height, width = shape if len(shape) == 3 else (1, *shape)
    if min(height, width) < 4:
        raise InputError(f"data: a sample is {height} x {width}: must be at least 4 x 4, it is pooled twice: pad it")
    first, second = network.channels
    sides = (height, width), (height // 2, width // 2), (height // 4, width // 4)
    features = second * prod(sides[2])
    layers: list[tuple[nn.Linear | nn.Conv2d, tuple[int, ...]]] = [
        (nn.Conv2d(channels, first, KERNEL, padding=KERNEL // 2, bias=False), (channels, *sides[0])),
        (nn.Conv2d(first, second, KERNEL, padding=KERNEL // 2, bias=False), (first, *sides[1])),
        (nn.Linear(features, network.units), (second, *sides[2])),
    ]
    given, surrogate = Neuron(settings.threshold, network.reset, network.leak), SURROGATES[network.surrogate]
    blocks = []
    for place, (layer, inputs) in enumerate(layers, start=1):
        draw_weights(layer, generator(seed, place, Use.WEIGHTS))
        neurons = neurons_of(network.neuron, given, surrogate, network.steps)
        if isinstance(layer, nn.Conv2d):
            norm, pool = nn.BatchNorm2d(layer.out_channels), nn.MaxPool2d(2)
            blocks.append(SpikingBlock(layer, neurons, inputs, norm=norm, pool=pool))
        else:
            blocks.append(SpikingBlock(layer, neurons, inputs))
    return SpikingNetwork(CODINGS[network.coding].make(network.steps, seed), blocks, classes, seed)
