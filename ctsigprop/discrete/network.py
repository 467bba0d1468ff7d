"""The networks that every learning rule of this family trains: hidden layers in order, then a classification layer."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from ctsigprop.discrete.spatial import fit_grid
from ctsigprop.discrete.target_forward import for_targets
from ctsigprop.errors import InputError
from ctsigprop.layered.dropout import Dropout
from ctsigprop.layered.seeding import Use, draw_weights, generator
from ctsigprop.settings.discrete import DiscreteNetworkSettings, DiscreteSettings, Statistics

LEAK = 0.01
"""Slope of Leaky ReLU below zero (paper, Sec. IV)."""


class Block(nn.Module):
    """One hidden layer: products with weights, batch normalisation, activation, dropout, pooling.

    Attributes:
        layer: the weights.
        norm: batch normalisation, or nothing.
        activation: elementwise.
        dropout: after it.
        pool: after that, or nothing.
        inputs: shape of one sample as it enters: (features,) or (channels, height, width).
        activated: shape of one sample's activations, before pooling.
        outputs: shape of one sample as it leaves.
    """

    def __init__(
        self, layer: nn.Linear | nn.Conv2d, settings: DiscreteNetworkSettings, dropout: Dropout, inputs: tuple[int, ...]
    ) -> None:
        """A layer without pooling; `pooled` adds it."""
        super().__init__()
        self.layer = layer
        self.norm = _norm(layer) if settings.batch_norm else nn.Identity()
        self.activation = _activation(settings.activation)
        self.dropout = dropout
        self.pool: nn.Module = nn.Identity()
        self.inputs = inputs
        self.activated = self.outputs = _filtered(layer, inputs)

    def pooled(self, kernel: int, padding: int) -> "Block":
        """The block with max pooling of stride 2 added, in place."""
        self.pool = nn.MaxPool2d(kernel, 2, padding)
        channels, *sides = self.outputs
        self.outputs = (channels, *((side + 2 * padding - kernel) // 2 + 1 for side in sides))
        return self

    def forward(self, h: Tensor) -> Tensor:
        """Passes activations on: (samples, *inputs) to (samples, *outputs); linear layers flatten what enters."""
        return self.handed_on(self.activations(h))

    def activations(self, h: Tensor) -> Tensor:
        """What the activation function gives, before dropout and pooling."""
        return self.activation(self.norm(self.products(h)))

    def handed_on(self, activations: Tensor) -> Tensor:
        """What dropout and pooling make of activations."""
        return self.pool(self.dropout(activations))

    def products(self, h: Tensor) -> Tensor:
        """The layer's weights times what enters."""
        return self.layer(h.flatten(1) if isinstance(self.layer, nn.Linear) else h)

    def both(self, h: Tensor, t: Tensor, statistics: Statistics) -> tuple[Tensor, Tensor]:
        """Activations of [h, t]; a linear layer takes one product of both (paper, Eq. 2)."""
        if not isinstance(self.layer, nn.Linear):
            of_h = self.activations(h)
            with for_targets(self, statistics):
                return of_h, self.activations(t)
        z = self.layer(torch.cat((h.flatten(1), self._fitted(t).flatten(1))))
        if isinstance(self.norm, nn.Identity):
            of_h, of_t = self.activation(z).split((len(h), len(t)))
        else:
            of_h, of_t = z.split((len(h), len(t)))
            of_h = self.activation(self.norm(of_h))
            with for_targets(self.norm, statistics):
                of_t = self.activation(self.norm(of_t))
        return of_h, of_t

    def targets(self, t: Tensor) -> Tensor:
        """Passes targets on without dropout; `ctsigprop.discrete.target_forward.pass_targets` sees to the statistics.

        Args:
            t: (targets, *inputs), or sparse (paper, Sec. III-E): (targets, channels, ...) of any other height and
                width; a linear layer takes them on the grid of its inputs.
        """
        return self.targets_handed_on(self.activations(self._fitted(t)))

    def targets_handed_on(self, activations: Tensor) -> Tensor:
        """What is handed on of the activations of targets: they are pooled, but for sparse ones."""
        return self.pool(activations) if activations.shape[1:] == self.activated else activations

    def _fitted(self, t: Tensor) -> Tensor:
        """Targets that a linear layer can take: sparse ones of a convolutional layer on the grid of its inputs."""
        if t.shape[1:] == self.inputs or t.dim() != 4 or not isinstance(self.layer, nn.Linear):
            return t
        return fit_grid(t, (self.inputs[1], self.inputs[2]))


class Network(nn.Module):
    """Hidden layers and a classification layer over the last one's flattened output.

    Attributes:
        blocks: the hidden layers, from the input side.
        output: the classification layer.
        classes: how many there are.
        seed: of every draw.
    """

    def __init__(self, blocks: Sequence[Block], classes: int, seed: int) -> None:
        """Draws the classification layer."""
        super().__init__()
        self.blocks: Sequence[Block] = nn.ModuleList(blocks)  # type: ignore[assignment]
        self.output = nn.Linear(prod(blocks[-1].outputs), classes)
        draw_weights(self.output, generator(seed, len(blocks) + 1, Use.WEIGHTS))
        self.classes = classes
        self.seed = seed

    def forward(self, x: Tensor) -> Tensor:
        """Logits, shape (samples, classes)."""
        for block in self.blocks:
            x = block(x)
        return self.read(x)

    def read(self, h: Tensor) -> Tensor:
        """Logits of what leaves the last hidden layer."""
        return self.output(h.flatten(1))

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of a sample as it leaves each hidden layer."""
        return [block.outputs for block in self.blocks]

    @property
    def activated(self) -> list[tuple[int, ...]]:
        """Of a sample's activations in each hidden layer, before pooling."""
        return [block.activated for block in self.blocks]


def build(settings: DiscreteSettings, shape: tuple[int, ...], classes: int) -> Network:
    """The network that the settings name, freshly drawn from their seed.

    Args:
        settings: network and seed.
        shape: of a sample: (height, width) or (channels, height, width).
        classes: how many there are.

    Raises:
        InputError: the samples are no images, or are smaller than the pooling layers need.
    """
    stack = _Stack(settings, shape if len(shape) == 3 else (1, *shape))
    match settings.network.architecture:
        case "fc":
            stack.linear(*settings.network.hidden)
        case "conv":
            _conv(stack, settings.network.widen)
        case "vgg8b":
            _vgg8b(stack, settings.network.widen)
    return Network(stack.blocks, classes, settings.training.seed)


def _conv(stack: "_Stack", widen: float) -> None:
    """Table VI's small convolutional network, on which the paper is silent.

    That of Noekland 2016, whose errors for BP, FA and DFA the table quotes: 5x5 kernels, max pooling 3x3 with stride 2
    after each, two fully connected layers. Pooling is padded here, so that images of 8 x 8 pass too: 32 x 32 becomes
    16, 8 and 4 on a side (there: 15, 7 and 3).
    """
    if max(stack.shape[1:]) == 1:
        raise InputError("network.architecture: conv takes images, but a sample is features alone: choose fc")
    for channels in (96, 128, 256):
        stack.conv(_widened(channels, widen), kernel=5).pooled(kernel=3, padding=1)
    stack.linear(*2 * (_widened(2048, widen),))


def _vgg8b(stack: "_Stack", widen: float) -> None:
    """VGG8b (Noekland & Eidnes 2019): six layers of 3x3 kernels, max pooling 2x2, one fully connected layer.

    `widen` multiplies feature maps alone, as their feat_mult does.
    """
    sides = stack.shape[1:]
    if min(sides) < 16:
        raise InputError(
            f"network.architecture: vgg8b pools four times, but a sample is {sides[0]} x {sides[1]};"
            " allowed: at least 16 x 16; choose fc or conv, or larger images"
        )
    for channels, pools in ((128, False), (256, True), (256, False), (512, True), (512, True), (512, True)):
        block = stack.conv(_widened(channels, widen), kernel=3)
        if pools:
            block.pooled(kernel=2, padding=0)
    stack.linear(1024)


def _widened(units: int, factor: float) -> int:
    """As many units times a factor, to the nearest whole number from 1 on."""
    return max(1, round(factor * units))


class _Stack:
    """Hidden layers, put one upon the other."""

    def __init__(self, settings: DiscreteSettings, shape: tuple[int, ...]) -> None:
        self.network = settings.network
        self.seed = settings.training.seed
        self.input = shape
        self.blocks: list[Block] = []

    @property
    def shape(self) -> tuple[int, ...]:
        """Of a sample on top."""
        return self.blocks[-1].outputs if self.blocks else self.input

    def linear(self, *widths: int) -> None:
        """Adds fully connected layers."""
        for units in widths:
            self._add(nn.Linear(prod(self.shape), units, bias=not self.network.batch_norm))

    def conv(self, channels: int, kernel: int) -> Block:
        """Adds a convolution that keeps height and width."""
        padding, bias = kernel // 2, not self.network.batch_norm
        return self._add(nn.Conv2d(self.shape[0], channels, kernel, padding=padding, bias=bias))

    def _add(self, layer: nn.Linear | nn.Conv2d) -> Block:
        place = len(self.blocks) + 1
        draw_weights(layer, generator(self.seed, place, Use.WEIGHTS))
        dropout = Dropout(self.network.dropout, self.seed, place)
        self.blocks.append(Block(layer, self.network, dropout, self.shape))
        return self.blocks[-1]


def _norm(layer: nn.Linear | nn.Conv2d) -> nn.Module:
    if isinstance(layer, nn.Linear):
        return nn.BatchNorm1d(layer.out_features)
    return nn.BatchNorm2d(layer.out_channels)


def _activation(name: str) -> nn.Module:
    activations = {"leaky_relu": nn.LeakyReLU(LEAK, inplace=True), "relu": nn.ReLU(inplace=True), "tanh": nn.Tanh()}
    return activations[name]


def _filtered(layer: nn.Linear | nn.Conv2d, inputs: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of one sample after the layer's weights."""
    return (layer.out_features,) if isinstance(layer, nn.Linear) else (layer.out_channels, *inputs[1:])
