"""What torchrun, or what else starts processes in its manner, tells each of them through the environment."""

import os
from typing import NamedTuple

from ctsigprop.errors import InputError


class Place(NamedTuple):
    """This process among those that were started together: its rank, from 0, and how many there are."""

    rank: int
    size: int


def launched() -> Place | None:
    """The place that torchrun gave this process; None where it was started by itself.

    Raises:
        InputError: the rank, the number of processes or the port where they meet is missing or wrong.
    """
    if not {"RANK", "WORLD_SIZE", "MASTER_ADDR"} <= os.environ.keys():
        return None
    number("MASTER_PORT", 0, 2**16 - 1)
    size = number("WORLD_SIZE", 1)
    return Place(number("RANK", 0, size - 1), size)


def number(name: str, least: int, most: int | None = None, default: int | None = None) -> int:
    """A whole number from the environment.

    Args:
        name: of the variable.
        least: that it may be.
        most: that it may be; no bound where it is left out.
        default: where the variable is not set; it must be where this is left out.

    Raises:
        InputError: it is something else.
    """
    text = os.environ.get(name, "" if default is None else str(default))
    if not text.isdecimal() or int(text) < least or (most is not None and int(text) > most):
        allowed = f"at least {least}" if most is None else f"from {least} to {most}"
        remedy = "start the processes with torchrun, which sets it, or unset RANK"
        raise InputError(f"{name} = {text!r}: must be a whole number {allowed}: {remedy}")
    return int(text)
