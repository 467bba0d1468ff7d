"""What a learner refuses of a batch, in words that say what is wrong with it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from ctsigprop.errors import InputError, RunFailure


def require_samples(inputs: Tensor, labels: Tensor) -> None:
    """Refuse an empty batch, and one of other labels than samples."""
    if len(inputs) != len(labels):
        raise InputError(f"labels: there are {len(labels)} for {len(inputs)} samples: give one for each")
    if len(inputs) == 0:
        raise InputError("inputs: the batch has no samples: leave it out")


def require_finite(name: str, values: Tensor) -> None:
    """Refuse NaN and infinity on a CPU; a GPU would have to be waited for."""
    if values.device.type != "cpu" or not values.is_floating_point() or not values.numel():
        return
    if not all(end.isfinite() for end in values.aminmax()):  # one pass, which a NaN goes through
        raise InputError(f"{name}: hold NaN or infinity: mend them, or leave the batch out")


class LostLoss(RunFailure):
    """A loss that is no longer finite.

    Attributes:
        stage: name of the stage whose loss it is.
    """

    def __init__(self, stage: str) -> None:
        remedy = "nothing was learned from it: lower the learning rate, or mend the inputs"
        super().__init__(f"{stage}: the loss of the batch is not finite, and {remedy}")
        self.stage = stage


def require_finite_loss(stage: str, loss: Tensor) -> None:
    """Refuse to learn from a loss that is not finite on a CPU; a GPU would have to be waited for.

    Raises:
        LostLoss: it is not finite.
    """
    if loss.device.type == "cpu" and not loss.detach().isfinite():
        raise LostLoss(stage)


STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Buffers into which layers of PyTorch count batches as they pass."""


@contextmanager
def uncounted_if_lost(module: nn.Module, device: torch.device) -> Iterator[None]:
    """Running statistics are put back where the block's loss is lost, which is seen on a CPU alone."""
    counted = module.named_buffers() if device.type == "cpu" else ()
    before = [(one, one.clone()) for name, one in counted if name.rpartition(".")[2] in STATISTICS]
    try:
        yield
    except LostLoss:
        for one, kept in before:
            one.copy_(kept)
        raise


def require_classes(labels: Tensor, classes: int) -> None:
    """Refuse labels that are no classes; on a GPU their values are not looked at."""
    if labels.dtype != torch.int64 or labels.ndim != 1:
        found = f"of {labels.dtype} and shape {tuple(labels.shape)}"
        raise InputError(f"labels: are {found}: must be of torch.int64 and shape ({len(labels)},), a class a sample")
    if labels.device.type != "cpu":
        return
    lowest, highest = (int(end) for end in labels.aminmax())
    if lowest < 0 or highest >= classes:
        wrong = lowest if lowest < 0 else highest
        raise InputError(f"labels: {wrong} is no class: must be from 0 to {classes - 1}: mend them, or add classes")


@contextmanager
def in_words(module: nn.Module, inputs: Tensor) -> Iterator[None]:
    """Say of PyTorch's refusals in the block what a batch has to do with them.

    Args:
        module: that takes the inputs.
        inputs: shape (samples, ...).

    Raises:
        InputError: inputs of a type that the module does not take; one sample where a layer's statistics need two.
    """
    try:
        yield
    except (RuntimeError, ValueError) as error:
        needed = next((one.dtype for one in module.parameters()), inputs.dtype)
        if isinstance(error, RuntimeError) and "ype" in str(error) and inputs.dtype != needed:
            raise InputError(f"inputs: are of {inputs.dtype}: must be of {needed}: convert them") from error
        if "more than 1 value per channel" in str(error):
            found = f"a batch of {len(inputs)}, and batch normalisation in training needs two samples"
            raise InputError(f"inputs: {found}: leave the batch out, as DataLoader(drop_last=True) does") from error
        raise


def passed(name: str, module: Callable[[Tensor], Tensor], inputs: Tensor) -> Tensor:
    """What a module makes of inputs, for a first try before anything is learned.

    Args:
        name: of the module, in the words of a refusal.
        module: any.
        inputs: shape (samples, ...).

    Raises:
        InputError: the module does not take samples of that shape or type.
    """
    try:
        outputs = module(inputs)
    except InputError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:
        words, shape = " ".join(str(error).split()), tuple(inputs.shape[1:])
        raise InputError(
            f"{name}: takes no samples of shape {shape} ({words}): change the layer, or flatten"
        ) from error
    return outputs
