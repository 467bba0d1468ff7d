"""`training.precision: auto`: bfloat16 where the processor has instructions for it; without them float32 is faster."""

from functools import cache
from typing import TypeVar

import torch

from ctsigprop.core.environment import processor_flags
from ctsigprop.runs import RunFolder
from ctsigprop.settings import LayeredSettings, as_begun, with_precision
from ctsigprop.settings.discrete import Precision

S = TypeVar("S", bound=LayeredSettings)

FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""What multiplies bfloat16: two sets of instructions of x86-64, one of Arm."""


def settled(settings: S, run: RunFolder) -> S:
    """Settings that leave nothing to the processor, as the run's config.yaml then has them.

    A run that was begun keeps its precision on any processor.

    Raises:
        InputError: config.yaml is not as a run wrote it.
        RunFailure: the disk is full.
    """
    if settings.training.precision != "auto":
        return settings
    faster = fastest(torch.device(settings.training.device))
    settings = with_precision(as_begun(settings, run.settings()), faster)
    run.write_settings(settings)
    return settings


def in_bfloat16(precision: Precision, device: torch.device) -> bool:
    """Whether products on a device are taken in bfloat16."""
    return (fastest(device) if precision == "auto" else precision) == "bfloat16"


@cache
def fastest(device: torch.device) -> Precision:
    """The precision that a device is fastest in."""
    native = _gpu_has_bfloat16() if device.type == "cuda" else _processor_has_bfloat16()
    return "bfloat16" if native else "float32"


def _gpu_has_bfloat16() -> bool:
    return torch.cuda.is_bf16_supported(including_emulation=False)


def _processor_has_bfloat16() -> bool:
    """As the system tells; where it does not, as PyTorch finds."""
    if flags := processor_flags():
        return not flags.isdisjoint(FLAGS)
    ask = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return ask is not None and bool(ask())
