"""Feedback alignment: errors go back through fixed random weights B, not through the transpose of W.

Lillicrap, Cownden, Tweed & Akerman 2016, Nature Communications 7:13276. All else is backpropagation: the weights'
own gradients, batch normalisation and activations.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ctsigprop.discrete.network import Network
from ctsigprop.discrete.rules.backprop import bp_learner
from ctsigprop.layered.learner import Learner
from ctsigprop.layered.seeding import Use, draw_uniform, generator
from ctsigprop.settings.discrete import DiscreteSettings


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
        self.register_buffer("feedback", draw_uniform(torch.empty_like(layer.weight), source))

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
        """Takes over the parameters of a convolution (stride 1, one group) and draws B as weights are drawn."""
        assert not isinstance(layer.padding, str)
        size, padding = (layer.kernel_size[0], layer.kernel_size[1]), (layer.padding[0], layer.padding[1])
        bias = layer.bias is not None
        super().__init__(layer.in_channels, layer.out_channels, size, padding=padding, bias=bias, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.register_buffer("feedback", draw_uniform(torch.empty_like(layer.weight), source))

    def forward(self, h: Tensor) -> Tensor:
        """W * h + b, (samples, in_channels, height, width) to (samples, out_channels, height, width)."""
        operands = _autocast(h, self.weight, self.bias, self.feedback)
        return _AlignedConv2d.apply(*operands, self.padding)  # type: ignore[no-untyped-call]


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
        ctx: Any, h: Tensor, weight: Tensor, bias: Tensor | None, feedback: Tensor, padding: tuple[int, int]
    ) -> Tensor:
        ctx.save_for_backward(h, feedback)
        ctx.padding = padding
        return F.conv2d(h, weight, bias, padding=padding)

    @staticmethod
    def backward(ctx: Any, *errors: Tensor) -> tuple[Tensor | None, ...]:
        """Of a convolution with the kernels B: the gradient of its own kernels, and of biases, does not hold them."""
        h, feedback = ctx.saved_tensors
        (error,) = errors
        stride, dilation, groups, needs = (1, 1), (1, 1), 1, ctx.needs_input_grad[:3]
        gradients = torch.ops.aten.convolution_backward(
            error, h, feedback, [error.shape[1]], stride, ctx.padding, dilation, False, (0, 0), groups, needs
        )
        return *gradients, None, None


def _autocast(*operands: Tensor | None) -> list[Tensor | None]:
    """Operands in the precision that automatic mixed precision asks for, where it is on."""
    device = next(one.device.type for one in operands if one is not None)
    if not torch.is_autocast_enabled(device):
        return list(operands)
    dtype = torch.get_autocast_dtype(device)
    return [one if one is None else one.to(dtype) for one in operands]
