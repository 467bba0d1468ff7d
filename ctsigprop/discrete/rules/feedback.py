"""Feedback alignment: errors go back through fixed random weights B, not through the transpose of W.

Lillicrap, Cownden, Tweed & Akerman 2016, Nature Communications 7:13276. All else is backpropagation: the weights'
own gradients, batch normalisation and activations.
"""

from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ctsigprop.discrete.chain import Chain
from ctsigprop.discrete.network import Network
from ctsigprop.discrete.rules.backprop import bp_learner
from ctsigprop.errors import InputError
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.optimizers import MakeOptimizer, chosen
from ctsigprop.layered.output import OutputStage
from ctsigprop.layered.seeding import Use, draw_uniform, generator
from ctsigprop.settings.discrete import DiscreteSettings, Precision


class FeedbackLinear(nn.Linear):
    """A linear layer whose inputs' gradient is dL/dh = dL/dz B.

    Attributes:
        feedback: B, shaped as the weights, so that backpropagation is B = W.
    """

    feedback: Tensor

    def __init__(self, layer: nn.Linear, source: torch.Generator) -> None:
        """Takes over the parameters of a layer and draws B as weights are drawn."""
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.register_buffer("feedback", _drawn(layer.weight, source))

    def forward(self, h: Tensor) -> Tensor:
        """W h + b, (samples, in_features) to (samples, out_features)."""
        operands = _autocast(h, self.weight, self.bias, self.feedback)
        return _AlignedLinear.apply(*operands)  # type: ignore[no-untyped-call]


class FeedbackConv2d(nn.Conv2d):
    """A convolution whose inputs' gradient goes back through the kernels B.

    Attributes:
        feedback: B, shaped as the kernels, so that backpropagation is B = W.
    """

    feedback: Tensor

    def __init__(self, layer: nn.Conv2d, source: torch.Generator) -> None:
        """Takes over the parameters of a convolution, padded with zeros, and draws B as weights are drawn.

        Raises:
            InputError: it is padded otherwise, or unlike on two sides.
        """
        super().__init__(
            layer.in_channels,
            layer.out_channels,
            layer.kernel_size,  # type: ignore[arg-type]
            stride=layer.stride,  # type: ignore[arg-type]
            padding=_padding(layer),
            dilation=layer.dilation,  # type: ignore[arg-type]
            groups=layer.groups,
            bias=layer.bias is not None,
            device="meta",
        )
        self.weight, self.bias = layer.weight, layer.bias
        self.register_buffer("feedback", _drawn(layer.weight, source))

    def forward(self, h: Tensor) -> Tensor:
        """W * h + b, (samples, in_channels, height, width) to (samples, out_channels, height, width)."""
        operands = _autocast(h, self.weight, self.bias, self.feedback)
        geometry = (self.stride, self.padding, self.dilation, self.groups)
        return _AlignedConv2d.apply(*operands, geometry)  # type: ignore[no-untyped-call]


def with_feedback(layer: nn.Linear | nn.Conv2d, source: torch.Generator) -> FeedbackLinear | FeedbackConv2d:
    """The same layer, with the same parameters, whose errors go back through fixed random weights."""
    return FeedbackLinear(layer, source) if isinstance(layer, nn.Linear) else FeedbackConv2d(layer, source)


def fa_learner(network: Network, settings: DiscreteSettings) -> Learner:
    """Feedback alignment (FA): every layer but the first hidden one sends its error back through weights of its own.

    Args:
        network: its layers are replaced in place; forward passes stay the same.
        settings: of the run.
    """
    for place, block in enumerate(network.blocks[1:], start=2):
        block.layer = with_feedback(block.layer, generator(network.seed, place, Use.FEEDBACK))
    place = len(network.blocks) + 1
    network.output = FeedbackLinear(network.output, generator(network.seed, place, Use.FEEDBACK))
    return bp_learner(network, settings)


class FeedbackAlignment(Learner):
    """Feedback alignment (Lillicrap et al. 2016) of any layers whose weights are linear layers and 2-D convolutions.

    The layers themselves stay as they are: theirs are the weights that learn, and copies send the errors back.
    """

    def __init__(
        self,
        layers: Iterable[nn.Module],
        shape: Sequence[int],
        *,
        optimizer: MakeOptimizer | None = None,
        rate: float | None = None,
        precision: Precision = "float32",
        seed: int = 0,
    ) -> None:
        """Draw fixed feedback weights for each layer.

        Args:
            layers: modules from the input side, or an `nn.Sequential`; the last gives a score for each class.
            shape: of a sample, as `Dataset.shape` has it.
            optimizer: of the parameters, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`.
            rate: of Adam in its place (default: 5e-4).
            precision: auto, float32 or bfloat16.
            seed: of the feedback weights.

        Raises:
            InputError: an argument that cannot be used, or weights of another kind of layer.
        """
        chain = Chain(layers, shape, seed)
        stack = [
            aligned(_with_its_tensors(layer), f"layer {place}", generator(seed, place, Use.FEEDBACK))
            for place, layer in enumerate((*chain.blocks, chain.output), start=1)
        ]
        stage = OutputStage("network", Chain(stack, shape, seed))
        stage.learn_with(optimizer=chosen(optimizer, rate))
        super().__init__([stage], chain.classes, precision)
        self.options = {"seed": seed}


def aligned(module: nn.Module, name: str, source: torch.Generator) -> nn.Module:
    """A module whose linear layers and convolutions send errors back through fixed random weights.

    Args:
        module: changed in place.
        name: in the words of a refusal.
        source: of the random weights.

    Raises:
        InputError: it has weights of another kind.
    """
    if type(module) in (nn.Linear, nn.Conv2d):
        return with_feedback(module, source)  # type: ignore[arg-type]
    if any(parameter.ndim > 1 for parameter in module.parameters(recurse=False)):
        found = f"has weights of a {type(module).__name__}"
        raise InputError(f"{name}: {found}: feedback alignment takes those of Linear and Conv2d alone: use these")
    for child_name, child in list(module.named_children()):
        setattr(module, child_name, aligned(child, name, source))
    return module


def _with_its_tensors(module: nn.Module) -> nn.Module:
    """A copy of a module that has the module's own parameters and statistics."""
    own = (*module.parameters(), *module.buffers())
    return deepcopy(module, {id(tensor): tensor for tensor in own})


def _drawn(weight: Tensor, source: torch.Generator) -> Tensor:
    """Feedback weights like some weights, the same on every device."""
    return draw_uniform(torch.empty(weight.shape), source).to(weight)


def _padding(layer: nn.Conv2d) -> tuple[int, int]:
    if layer.padding_mode != "zeros":
        raise InputError(f"{layer}: feedback alignment takes padding with zeros alone: use padding_mode='zeros'")
    if layer.padding == "same":
        spans = [step * (size - 1) for step, size in zip(layer.dilation, layer.kernel_size, strict=True)]
        if any(span % 2 for span in spans):
            raise InputError(f"{layer}: feedback alignment pads both sides alike: use kernels of an odd size")
        return spans[0] // 2, spans[1] // 2
    if isinstance(layer.padding, str):
        return 0, 0
    return layer.padding[0], layer.padding[1]


class _AlignedLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, h: Tensor, weight: Tensor, bias: Tensor | None, feedback: Tensor) -> Tensor:
        ctx.save_for_backward(h, feedback)
        return F.linear(h, weight, bias)

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor | None, ...]:
        h, feedback = ctx.saved_tensors
        (error,) = errors
        needs = ctx.needs_input_grad
        return (
            error @ feedback if needs[0] else None,
            error.T @ h if needs[1] else None,
            error.sum(0) if needs[2] else None,
            None,
        )


class _AlignedConv2d(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, h: Tensor, weight: Tensor, bias: Tensor | None, feedback: Tensor, geometry: tuple[Any, ...]
    ) -> Tensor:
        ctx.save_for_backward(h, feedback)
        ctx.geometry = geometry
        return F.conv2d(h, weight, bias, *geometry)

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor | None, ...]:
        """Of a convolution with the kernels B: the gradient of its own kernels, and of biases, does not hold them."""
        h, feedback = ctx.saved_tensors
        (error,) = errors
        (stride, padding, dilation, groups), needs = ctx.geometry, ctx.needs_input_grad[:3]
        gradients = torch.ops.aten.convolution_backward(
            error, h, feedback, [error.shape[1]], stride, padding, dilation, False, (0, 0), groups, needs
        )
        return *gradients, None, None


def _autocast(*operands: Tensor | None) -> list[Tensor | None]:
    """Operands in the precision that automatic mixed precision asks for, where it is on."""
    device = next(one.device.type for one in operands if one is not None)
    if not torch.is_autocast_enabled(device):
        return list(operands)
    dtype = torch.get_autocast_dtype(device)
    return [one if one is None else one.to(dtype) for one in operands]
