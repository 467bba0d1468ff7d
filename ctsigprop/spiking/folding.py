"""Batch normalisation, as it is in inference, folded into the weights before it."""

import torch
from torch import Tensor, nn


def folded(layer: nn.Linear | nn.Conv2d, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weights and biases that also do what batch normalisation does in inference, float64, on the CPU.

    Args:
        layer: the weights.
        norm: behind them; what is no batch normalisation is left out.
    """
    weight = layer.weight.detach().cpu().double()
    bias = torch.zeros(len(weight), dtype=torch.float64) if layer.bias is None else layer.bias.detach().cpu().double()
    if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        assert norm.running_mean is not None and norm.running_var is not None
        scale, shift, mean, variance = (
            each.detach().cpu().double() for each in (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        )
        factor = scale / (variance + norm.eps).sqrt()
        weight = weight * factor.view(-1, *[1] * (weight.dim() - 1))
        bias = (bias - mean) * factor + shift
    return weight, bias
