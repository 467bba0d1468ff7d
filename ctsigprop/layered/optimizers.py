"""The optimizer of a stage: Adam, or one of the user's, and its state as arrays."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam, AdamW, Optimizer

from ctsigprop.errors import InputError
from ctsigprop.settings.checks import require_number

MakeOptimizer = Callable[[list[nn.Parameter]], Optimizer]
"""Parameters of a stage to their optimizer, such as `lambda parameters: torch.optim.SGD(parameters, lr=0.1)`."""

RATE = 5e-4
"""Of Adam, where none is given."""
AGAIN = "restore the checkpoint from a copy, or train anew"
MOMENTS = {"step", "exp_avg", "exp_avg_sq"}
"""What Adam keeps of each parameter that has had a gradient."""
OLD = "adam"
"""What version 0.1 called the state of an optimizer."""


def adam(rate: float, weight_decay: float = 0.0) -> MakeOptimizer:
    """Adam with decoupled weight decay (Loshchilov & Hutter 2019)."""
    return lambda parameters: AdamW(parameters, lr=rate, weight_decay=weight_decay, fused=True)


def chosen(optimizer: MakeOptimizer | None, rate: float | None, weight_decay: float = 0.0) -> MakeOptimizer:
    """The user's optimizer, or Adam.

    Args:
        optimizer: of the user's.
        rate: of Adam, 5e-4 by default.
        weight_decay: of Adam.

    Raises:
        InputError: a rate that is no number from 0 on, or both an optimizer and a rate.
    """
    if optimizer is not None and rate is not None:
        raise InputError(f"rate = {rate!r}: is of Adam, and the optimizer has its own: leave one of the two out")
    rate = RATE if rate is None else rate
    require_number("rate", rate, 0.0)
    return optimizer or adam(rate, weight_decay)


def made(make: MakeOptimizer | object, parameters: list[nn.Parameter]) -> Optimizer:
    """The optimizer of some parameters.

    Raises:
        InputError: what should make it is no function, or makes anything else, or holds other parameters.
    """
    example = "such as lambda parameters: torch.optim.SGD(parameters, lr=0.1)"
    if isinstance(make, Optimizer) or not callable(make):
        found = type(make).__name__
        raise InputError(f"optimizer: is of type {found}: must be a function of the parameters, {example}")
    optimizer: object = make(parameters)
    if not isinstance(optimizer, Optimizer):
        found = type(optimizer).__name__
        raise InputError(f"optimizer: gives an object of type {found}: must give a torch.optim.Optimizer, {example}")
    if {id(one) for one in _parameters(optimizer)} != {id(one) for one in parameters}:
        raise InputError(f"optimizer: holds other parameters than those that it is given: pass them on, {example}")
    return optimizer


def rate_of(optimizer: Optimizer) -> float:
    """The learning rate that an optimizer began with, of its first group of parameters."""
    group = optimizer.param_groups[0]
    return float(group.get("initial_lr", group["lr"]))


def decay(optimizer: Optimizer, factor: float) -> None:
    """Set every learning rate to the one that the optimizer began with times a factor."""
    for group in optimizer.param_groups:
        group["lr"] = group.setdefault("initial_lr", group["lr"]) * factor


def described(optimizer: Optimizer) -> str:
    """The optimizer and its numbers in one line: `SGD(lr=0.1, momentum=0.9)`."""
    options = {name: value for name, value in optimizer.defaults.items() if not isinstance(value, bool | None)}
    return f"{type(optimizer).__name__}({', '.join(f'{name}={value}' for name, value in options.items())})"


def arrays_of(name: str, optimizer: Optimizer) -> dict[str, NDArray[Any]]:
    """The state of a stage's optimizer as arrays.

    Args:
        name: of the stage.
        optimizer: of the stage.
    """
    return {
        f"{name}.optimizer.{place}.{key}": as_array(value)
        for place, entry in optimizer.state_dict()["state"].items()
        for key, value in entry.items()
        if value is not None
    }


def state_from(name: str, optimizer: Optimizer, arrays: Mapping[str, NDArray[Any]]) -> dict[int, dict[str, Tensor]]:
    """An optimizer's state by the place of its parameter: all of it, or none before the first gradient.

    Args:
        name: of the stage.
        optimizer: that is to go on.
        arrays: as `arrays_of` gave them.

    Raises:
        InputError: an array is missing, not finite, of another shape than its parameter, or of no parameter.
    """
    prefix = f"{name}.optimizer."
    if not any(key.startswith(prefix) for key in arrays):
        prefix = f"{name}.{OLD}."
    found = {key.removeprefix(prefix): value for key, value in arrays.items() if key.startswith(prefix)}
    needed = {key.partition(".")[2] for key in found} | (MOMENTS if isinstance(optimizer, Adam) else set())
    state = {}
    for place, parameter in enumerate(_parameters(optimizer)):
        keys = {f"{place}.{key}": key for key in sorted(needed)}
        if found.keys().isdisjoint(keys):
            continue
        for full, key in keys.items():
            shape = () if key == "step" else tuple(parameter.shape)
            value = found.get(full)
            ill_shaped = value is not None and key in MOMENTS and value.shape != shape
            if value is None or value.dtype.kind not in "fiu" or ill_shaped or not np.isfinite(value).all():
                raise InputError(f"{prefix}{full}: must be finite numbers of shape {shape}: {AGAIN}")
        state[place] = {key: _laid_out(found.pop(full), parameter) for full, key in keys.items()}
    if found:
        raise InputError(f"{prefix}{min(found)}: is of no parameter of the network: {AGAIN}")
    return state


def as_array(value: Tensor | float) -> NDArray[Any]:
    """A copy of a tensor, or of a number, as an array."""
    return np.array(value.detach().cpu().numpy() if isinstance(value, Tensor) else value)


def _parameters(optimizer: Optimizer) -> list[nn.Parameter]:
    return [one for group in optimizer.param_groups for one in group["params"]]


def _laid_out(moment: NDArray[Any], parameter: Tensor) -> Tensor:
    """A moment in the memory format of its parameter: a fused update goes through both in the order of memory."""
    value = torch.from_numpy(moment.copy())
    return torch.empty_like(parameter).copy_(value) if value.shape == parameter.shape else value
