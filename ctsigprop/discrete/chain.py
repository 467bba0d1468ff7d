"""Any list of modules as a network: hidden layers in order, then the one that gives the scores."""

from collections.abc import Collection, Iterable, Sequence

import torch
from torch import Tensor, nn

from ctsigprop.discrete.halves import halves
from ctsigprop.errors import InputError
from ctsigprop.layered.prediction import inference
from ctsigprop.layered.refusals import passed
from ctsigprop.settings.checks import require_whole
from ctsigprop.settings.training import MOST_SEEDS

Shape = tuple[int, ...]


class Chain(nn.Module):
    """Layers of the user's, tried once: so it is known what leaves each of them.

    Attributes:
        blocks: the hidden layers, from the input side.
        output: the last layer, whose outputs are the scores.
        shapes: of a sample as it leaves each hidden layer.
        activated: of a sample's activations in each hidden layer, before the dropout and pooling at its end.
        classes: how many scores there are.
        seed: of what a learning rule draws beside the layers.
    """

    def __init__(self, layers: Iterable[nn.Module], shape: Sequence[int], seed: int) -> None:
        """Join layers that do not learn to those that do, and pass two samples of zeros through them.

        Args:
            layers: from the input side; the last gives a score for each class.
            shape: of a sample, as `Dataset.shape` has it: (features,), (height, width), which is an image of one
                channel, or (channels, height, width).
            seed: of what a learning rule draws.

        Raises:
            InputError: there are no layers, none learns, one does not take what it is given, or the last gives no
                scores.
        """
        super().__init__()
        require_whole("seed", seed, 0, MOST_SEEDS)
        stack = joined(layers)
        activated, shapes = shapes_of(stack, shape)
        if len(shapes[-1]) != 1 or shapes[-1][0] < 2:
            found = f"the last gives outputs of shape {shapes[-1]} a sample"
            raise InputError(f"layers: {found}: must be (classes,), a score for each of at least 2 classes")
        self.blocks: Sequence[nn.Module] = nn.ModuleList(stack[:-1])  # type: ignore[assignment]
        self.output = stack[-1]
        self.activated, self.shapes = activated[:-1], shapes[:-1]
        self.classes, self.seed = shapes[-1][0], seed

    def read(self, h: Tensor) -> Tensor:
        """Scores of what leaves the last hidden layer, shape (samples, classes)."""
        return self.output(h)

    def forward(self, x: Tensor) -> Tensor:
        """Scores, shape (samples, classes)."""
        for block in self.blocks:
            x = block(x)
        return self.read(x)

    def require_hidden(self, rule: str) -> None:
        """Refuse layers that a rule cannot train one by one.

        Raises:
            InputError: there is no hidden layer, or two layers share parameters.
        """
        if not self.blocks:
            raise InputError(f"layers: there is one: {rule} needs at least one hidden layer before it")
        seen: set[int] = set()
        for number, layer in enumerate((*self.blocks, self.output), start=1):
            own = {id(parameter) for parameter in layer.parameters()}
            if own & seen:
                raise InputError(f"layers: layer {number} shares parameters with one before it: give each its own")
            seen |= own


def require_dimensions(shapes: Iterable[Shape], dimensions: Collection[int], takes: str) -> None:
    """Refuse hidden layers whose outputs a rule does not take.

    Args:
        shapes: of a sample in each hidden layer.
        dimensions: that the rule takes.
        takes: the same in words.

    Raises:
        InputError: a shape of other dimensions.
    """
    for place, shape in enumerate(shapes, start=1):
        if len(shape) not in dimensions:
            remedy = "flatten them, or choose another rule"
            raise InputError(f"layer {place}: gives outputs of shape {shape}: {takes}: {remedy}")


def joined(layers: Iterable[nn.Module]) -> list[nn.Module]:
    """Layers that learn, each with those that follow it and do not; leading ones go with the first that learns.

    Raises:
        InputError: something is no module, or none learns.
    """
    if not isinstance(layers, Iterable):
        raise InputError(f"layers: are of type {type(layers).__name__}: must be a list of torch.nn.Module")
    groups: list[list[nn.Module]] = [[]]
    learns = False
    for number, layer in enumerate(layers, start=1):
        if not isinstance(layer, nn.Module):
            raise InputError(f"layers: number {number} is of type {type(layer).__name__}: must be a torch.nn.Module")
        if any(parameter.requires_grad for parameter in layer.parameters()):
            if learns:
                groups.append([])
            learns = True
        groups[-1].append(layer)
    if not learns:
        raise InputError("layers: none has parameters that learn: give at least one")
    return [group[0] if len(group) == 1 else nn.Sequential(*group) for group in groups]


@torch.no_grad()
def shapes_of(layers: Sequence[nn.Module], shape: Sequence[int]) -> tuple[list[Shape], list[Shape]]:
    """Shapes of a sample's activations in each layer, and as it leaves the layer; nothing is counted.

    Raises:
        InputError: a layer does not take what it is given.
    """
    if not isinstance(shape, Sequence) or not shape or any(not isinstance(one, int) or one < 1 for one in shape):
        raise InputError(f"shape = {shape!r}: must be the shape of a sample, such as (features,)")
    sides = (1, *shape) if len(shape) == 2 else tuple(shape)
    parameter = next(one for layer in layers for one in layer.parameters())
    h = torch.zeros((2, *sides), device=parameter.device, dtype=parameter.dtype)
    activated, shapes = [], []
    for number, layer in enumerate(layers, start=1):
        before, behind = halves(layer)
        with inference(layer):
            h = passed(f"layer {number}", before, h)
            activated.append(_shape_of(h, number))
            h = passed(f"layer {number}", behind, h)
        shapes.append(_shape_of(h, number))
    return activated, shapes


def _shape_of(h: object, number: int) -> Shape:
    """Shape of a sample of what a layer gives."""
    if not isinstance(h, Tensor) or h.ndim < 2 or len(h) != 2:
        raise InputError(f"layer {number}: must give one tensor, (samples, ...): wrap the module in one that does")
    return tuple(h.shape[1:])
