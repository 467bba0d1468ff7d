"""How targets pass any layer: without a trace in its batch-normalisation statistics (paper, Sec. III-D)."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn import functional as F

from ctsigprop.discrete.grids import fit_grid


def pass_both(layer: nn.Module, h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """[h, t] through a layer (paper, Eq. 2), by its method `both` where it has one, as `Block` has.

    Args:
        layer: any module that takes a batch.
        h: shape (samples, ...).
        t: shape (targets, ...).
    """
    own = getattr(layer, "both", None)
    if callable(own):
        passed: tuple[Tensor, Tensor] = own(h, t)
        return passed
    return layer(h), pass_targets(layer, t, h.shape[1:])


def pass_targets(layer: nn.Module, t: Tensor, inputs: tuple[int, ...]) -> Tensor:
    """Targets through a layer, so that batch-normalisation statistics are of the inputs alone (Sec. III-D).

    A layer with a method `targets`, as `Block` has, says itself how they pass. Others pass them in inference mode; to
    one that begins with a linear layer, sparse targets come on the grid of its inputs.

    Args:
        layer: any module that takes a batch.
        t: shape (targets, ...).
        inputs: shape of one sample as it enters.
    """
    own = getattr(layer, "targets", None)
    if callable(own):
        passed: Tensor = own(t)
        return passed
    if t.ndim == 4 and len(inputs) == 3 and _begins_linear(layer):
        t = fit_grid(t, (inputs[1], inputs[2]))
    with inference(layer):
        passed = layer(t)
    return passed


@contextmanager
def inference(layer: nn.Module) -> Iterator[None]:
    """A module in inference mode for a while: batch normalisation counts nothing, dropout is off."""
    training = [module for module in layer.modules() if module.training]
    layer.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True


def with_running_statistics(norm: nn.Module, z: Tensor) -> Tensor:
    """What batch normalisation makes of targets: by the running statistics of the inputs, which stay as they are.

    Args:
        norm: batch normalisation, whose scale and shift learn from this too, or a module that does nothing.
        z: shape (targets, ...).
    """
    if not isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        return z
    return F.batch_norm(z, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)


def _begins_linear(layer: nn.Module) -> bool:
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return isinstance(next((module for module in layer.modules() if isinstance(module, kinds)), None), nn.Linear)
