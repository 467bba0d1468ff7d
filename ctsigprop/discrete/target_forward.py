"""How targets pass any layer: without a trace in its batch-normalisation statistics (paper, Sec. III-D)."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn

from ctsigprop.discrete.halves import halves
from ctsigprop.discrete.spatial import fit_grid
from ctsigprop.layered.prediction import inference
from ctsigprop.settings.discrete import Statistics


def activate_both(layer: nn.Module, h: Tensor, t: Tensor, statistics: Statistics = "inputs") -> tuple[Tensor, Tensor]:
    """[h, t] through a layer as far as its activations (paper, Eq. 2); see `halves`.

    Args:
        layer: any module that takes a batch; one with a method `both`, as `Block` has, says itself how the two pass.
        h: shape (samples, ...).
        t: shape (targets, ...).
        statistics: by which targets are normalised; see `for_targets`.
    """
    own = getattr(layer, "both", None)
    if callable(own):
        passed: tuple[Tensor, Tensor] = own(h, t, statistics)
        return passed
    before, _ = halves(layer)
    assert isinstance(before, nn.Module)
    return before(h), pass_targets(before, t, h.shape[1:], statistics)


def hand_on_both(layer: nn.Module, h: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
    """What the layer makes of activations [h, t] that `activate_both` gave: dropout is for h alone."""
    _, behind = halves(layer)
    own = getattr(layer, "targets_handed_on", None)
    if callable(own):
        return behind(h), own(t)
    assert isinstance(behind, nn.Module)
    with inference(behind):
        t = behind(t)
    return behind(h), t


def pass_targets(layer: nn.Module, t: Tensor, inputs: tuple[int, ...], statistics: Statistics = "inputs") -> Tensor:
    """Targets through a layer, so that running batch-normalisation statistics are of the inputs alone (Sec. III-D).

    A layer with a method `targets`, as `Block` has, says itself how they pass. Others that begin with a linear layer
    take sparse targets on the grid of their inputs.

    Args:
        layer: any module that takes a batch.
        t: shape (targets, ...).
        inputs: shape of one sample as it enters.
        statistics: by which targets are normalised; see `for_targets`.
    """
    own = getattr(layer, "targets", None)
    if not callable(own) and t.ndim == 4 and len(inputs) == 3 and _begins_linear(layer):
        t = fit_grid(t, (inputs[1], inputs[2]))
    with for_targets(layer, statistics):
        passed: Tensor = own(t) if callable(own) else layer(t)
    return passed


@contextmanager
def for_targets(layer: nn.Module, statistics: Statistics = "inputs") -> Iterator[None]:
    """A module as targets pass it: in inference mode, batch normalisation by the statistics that are named.

    Args:
        layer: any module; scale and shift of its batch normalisation learn from targets too.
        statistics: the running ones of the inputs, or those of the targets that pass, which are not kept.
    """
    kinds = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d) if statistics == "targets" else ()
    norms = [module for module in layer.modules() if isinstance(module, kinds)]
    tracking = [norm.track_running_stats for norm in norms]
    with inference(layer):
        for norm in norms:
            norm.training, norm.track_running_stats = True, False
        try:
            yield
        finally:
            for norm, tracked in zip(norms, tracking, strict=True):
                norm.training, norm.track_running_stats = False, tracked


def _begins_linear(layer: nn.Module) -> bool:
    kinds = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
    return isinstance(next((module for module in layer.modules() if isinstance(module, kinds)), None), nn.Linear)
