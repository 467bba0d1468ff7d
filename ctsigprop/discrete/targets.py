"""Target generators: what makes a learning signal into the first target (paper, Sec. III-D)."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ctsigprop.discrete.network import Block, Network
from ctsigprop.discrete.sparse import Layout
from ctsigprop.errors import InputError
from ctsigprop.layered.seeding import Use, generator
from ctsigprop.settings.discrete import TargetSettings

Activation = Callable[[Tensor], Tensor]


class TargetGenerator(nn.Module):
    """Makes targets from the learning signal; each kind says which.

    Attributes:
        classes: that it knows; 0 where the learning signal is no class.
        per_class: one target a class, the same for every batch; otherwise one a sample.
        uses_scores: it is given the network's own scores (target-loop).
        at_input: its targets are of the input's shape and pass the first layer too.
        matches_inputs: its targets are distributed as the inputs: batch normalisation may count them (Sec. III-D).
    """

    classes = 0
    per_class = False
    uses_scores = False
    matches_inputs = True

    def __init__(self, *, at_input: bool) -> None:
        """A generator without weights."""
        super().__init__()
        self.at_input = at_input

    def forward(self, h: Tensor, labels: Tensor | None, context: Tensor | None) -> Tensor:
        """Targets, shape (targets, ...).

        Args:
            h: what they are the targets of: outputs of the first layer, or the inputs where `at_input`.
            labels: classes, shape (samples,), or the learning signal itself; None in inference.
            context: scores of the network, shape (samples, classes), where `uses_scores`.
        """
        raise NotImplementedError


class Projection(nn.Linear):
    """f(S c + d) of a class, or of scores; with layer normalisation f(norm(S c)).

    Attributes:
        activation: f.
        norm: over the entries of a target, or nothing.
    """

    def __init__(
        self, classes: int, entries: int, activation: Activation, layer_norm: bool, random: torch.Generator | None
    ) -> None:
        """Draws S, and d where nothing is normalised, as torch.nn.Linear does: uniform within 1 / sqrt(classes)."""
        super().__init__(classes, entries, bias=not layer_norm)
        self.activation = activation
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.uniform_(-(classes**-0.5), classes**-0.5, generator=random)
        self.norm = nn.LayerNorm(entries) if layer_norm else nn.Identity()

    def forward(self, c: Tensor) -> Tensor:
        """Of scores or classes, (samples, classes) to (samples, entries)."""
        made: Tensor = self.activation(self.norm(super().forward(c)))
        return made

    @property
    def of_classes(self) -> Tensor:
        """Of every class, shape (classes, entries)."""
        made: Tensor = self.activation(self.norm(self.weight.T if self.bias is None else self.weight.T + self.bias))
        return made


class TargetOnly(TargetGenerator):
    """t_1 = f(S c + d) of the one-hot class c (paper, Eq. 1)."""

    matches_inputs = False

    def __init__(
        self,
        classes: int,
        layout: Layout,
        *,
        per_class: bool = True,
        activation: Activation = F.leaky_relu,
        layer_norm: bool = False,
        at_input: bool = False,
        random: torch.Generator | None = None,
    ) -> None:
        """Draws S and d.

        Args:
            classes: how many there are.
            layout: shape of a target, dense or sparse.
            per_class: one target a class rather than one a sample.
            activation: f.
            layer_norm: f(norm(S c)) in place of f(S c + d); with ReLU, the generator of the authors' library.
            at_input: project to the input rather than to the first hidden layer's output.
            random: draws the weights.
        """
        super().__init__(at_input=at_input)
        self.per_class, self.layout, self.classes = per_class, layout, classes
        self.project = Projection(classes, layout.entries, activation, layer_norm, random)

    def forward(self, h: Tensor, labels: Tensor | None, context: Tensor | None) -> Tensor:
        """One target a class, or one a sample; see `TargetGenerator`."""
        targets = self.layout.expand(self.project.of_classes)
        return targets if self.per_class or labels is None else targets[labels]


class TargetInput(TargetGenerator):
    """t_1 = h_1 f(S_1 c + d_1) + f(S_2 c + d_2): the class scales and shifts the input's own activations (Eq. 10)."""

    def __init__(
        self,
        classes: int,
        layout: Layout,
        *,
        activation: Activation = F.leaky_relu,
        layer_norm: bool = False,
        at_input: bool = False,
        random: torch.Generator | None = None,
    ) -> None:
        """Draws S_1, d_1, S_2 and d_2; arguments as of `TargetOnly`."""
        super().__init__(at_input=at_input)
        self.layout, self.classes = layout, classes
        self.scale = Projection(classes, layout.entries, activation, layer_norm, random)
        self.shift = Projection(classes, layout.entries, activation, layer_norm, random)

    def forward(self, h: Tensor, labels: Tensor | None, context: Tensor | None) -> Tensor:
        """One target a sample; see `TargetGenerator`."""
        assert labels is not None
        scale, shift = self.scale.of_classes[labels], self.shift.of_classes[labels]
        return self.layout.expand(self.layout.cut(h) * scale + shift)


class TargetLoop(TargetGenerator):
    """t_1 from the network's own scores: feedback from the last layer to the first (paper, Fig. 2c).

    With prediction and label, t_1 = f(S y_3 + S y + d) (Eq. 11), where y_3 is the softmax of the scores.
    With the output error, t_1 = f(S (h_3 - eta e_3) + d) (Eq. 12), where the output h_3 is y_3 and its error e_3 =
    y_3 - y is the gradient of |y_3 - y|^2 / 2: at eta = 1 the target is the label's, at 0 the prediction's.
    """

    uses_scores = True

    def __init__(
        self,
        classes: int,
        layout: Layout,
        *,
        error_rate: float | None = None,
        activation: Activation = F.leaky_relu,
        layer_norm: bool = False,
        at_input: bool = False,
        random: torch.Generator | None = None,
    ) -> None:
        """Draws S and d.

        Args:
            classes: how many there are.
            layout: shape of a target, dense or sparse.
            error_rate: eta of Eq. 12; Eq. 11 where it is None.
            activation: f.
            layer_norm: f(norm(S c)) in place of f(S c + d); with ReLU, the generator of the authors' library.
            at_input: project to the input rather than to the first hidden layer's output.
            random: draws the weights.
        """
        super().__init__(at_input=at_input)
        self.layout, self.error_rate, self.classes = layout, error_rate, classes
        self.project = Projection(classes, layout.entries, activation, layer_norm, random)

    def forward(self, h: Tensor, labels: Tensor | None, context: Tensor | None) -> Tensor:
        """One target a sample; see `TargetGenerator`."""
        assert labels is not None and context is not None
        prediction, label = context.softmax(1), F.one_hot(labels, self.classes)
        eta = self.error_rate
        corrected = prediction + label if eta is None else prediction - eta * (prediction - label)
        return self.layout.expand(self.project(corrected))


class SharedTarget(TargetGenerator):
    """The learning signal as it is, of the input's shape: the first layer is its generator (shared weights).

    For regression and segmentation, where what is to be learned looks like the input.
    """

    def __init__(self) -> None:
        """There is nothing to draw."""
        super().__init__(at_input=True)

    def forward(self, h: Tensor, labels: Tensor | None, context: Tensor | None) -> Tensor:
        """The learning signal; see `TargetGenerator`."""
        assert labels is not None
        return labels


def generator_for(network: Network, settings: TargetSettings) -> TargetGenerator:
    """The generator that the settings name, learned or fixed, drawn from the network's seed.

    Args:
        network: the generator's f is its activation, but where layer norm is asked for, where f is ReLU.
        settings: generator, place, weights, density, size, scope and layer norm.

    Raises:
        InputError: `target.size` is larger than the target, or a target of one entry is to be normalised.
    """
    shared: dict[str, Any] = {
        "activation": F.relu if settings.layer_norm else network.blocks[0].activation,
        "layer_norm": settings.layer_norm,
        "at_input": settings.place == "input",
        "random": generator(network.seed, 1, Use.TARGETS),
    }
    classes, layout = network.classes, layout_for(network.blocks, settings)
    if settings.layer_norm and layout.entries == 1:
        allowed = "must be false for targets of one entry, which it makes alike: leave it out, or take larger targets"
        raise InputError(f"target.layer_norm = True: {allowed}")
    made: TargetGenerator
    match settings.generator:
        case "target-only":
            made = TargetOnly(classes, layout, per_class=settings.scope == "class", **shared)
        case "target-input":
            made = TargetInput(classes, layout, **shared)
        case "target-loop":
            made = TargetLoop(classes, layout, **shared)
        case "target-loop-error":
            made = TargetLoop(classes, layout, error_rate=settings.error_rate, **shared)
    return made.requires_grad_(settings.weights == "learned")


def layout_for(blocks: Sequence[Block], settings: TargetSettings) -> Layout:
    """Shape of the first targets of a network.

    Args:
        blocks: hidden layers.
        settings: place, density and size; a size left out is half of the target's entries.

    Raises:
        InputError: `target.size` is larger than the target.
    """
    first, at_input = blocks[0], settings.place == "input"
    shape = first.inputs if at_input else first.outputs
    if settings.density == "dense":
        return Layout(shape)
    if isinstance(first.layer, nn.Linear):
        return Layout(shape, settings.size or (prod(shape) + 1) // 2)
    following = first if at_input else blocks[min(1, len(blocks) - 1)]
    reader = following.layer if isinstance(following.layer, nn.Conv2d) else first.layer
    return Layout((shape[0], *reader.kernel_size))
