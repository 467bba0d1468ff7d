"""What a setting may be: each check passes a value or refuses it in one line that names the field."""

import math
from collections.abc import Sequence
from sys import float_info
from typing import get_args

from ctsigprop.errors import InputError

MOST = 2**31 - 1
"""Above every sensible count, and small enough for every library that counts."""
WHOLE = 1e-9
"""How far a number of steps may be from a whole one, by rounding."""


def require(condition: bool, field_name: str, value: object, allowed: str) -> None:
    """Refuse the value of a field unless the condition holds.

    Raises:
        InputError: naming the field, the value and what is allowed.
    """
    if not condition:
        raise InputError(f"{field_name} = {value!r}: must be {allowed}")


def require_one_of(field_name: str, value: object, choices: object) -> None:
    """Refuse a value that a `Literal` does not list.

    Raises:
        InputError: naming the field, the value and the choices.
    """
    allowed = get_args(choices)
    require(value in allowed, field_name, value, "one of " + ", ".join(map(str, allowed)))


def require_whole(field_name: str, value: object, least: int, most: int = MOST) -> int:
    """A value that has turned out to be a whole number from `least` to `most`.

    Raises:
        InputError: naming the field, the value and what is allowed.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{field_name} = {value!r}: must be a whole number, at least {least}")
    if value > most:
        raise InputError(f"{field_name} = {_in_short(value)}: must be a whole number, at most {most}")
    return value


def _in_short(value: int) -> str:
    """A whole number that may have thousands of digits."""
    return str(value) if value < 10**20 else f"a number of {math.floor(math.log10(value)) + 1} digits"


def require_number(
    field_name: str,
    value: object,
    low: float,
    high: float = float_info.max,
    *,
    open_low: bool = False,
    open_high: bool = False,
) -> None:
    """Refuse anything but a finite number within its bounds; either bound may be excluded.

    Raises:
        InputError: naming the field, the value and the bounds.
    """
    inside = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    bounds = f"{'greater than' if open_low else 'at least'} {low:g}"
    if high < float_info.max:
        bounds += f" and {'below' if open_high else 'at most'} {high:g}"
    outside = (open_low and value == low) or (open_high and value == high)
    require(inside and not outside, field_name, value, f"a finite number {bounds}")


def require_multiple(field_name: str, value: float, of: str, step: float) -> None:
    """Refuse what is not a whole number of steps, but for rounding.

    Args:
        field_name: of the value.
        value: a number.
        of: what the step is called.
        step: greater than 0.

    Raises:
        InputError: naming the field, the value and the step.
    """
    steps = value / step
    require(abs(steps - round(steps)) <= WHOLE, field_name, value, f"a multiple of {of} = {step:g}")


def require_flag(field_name: str, value: object) -> None:
    """Refuse anything but true or false.

    Raises:
        InputError: naming the field and the value.
    """
    require(isinstance(value, bool), field_name, value, "true or false")


def require_sequence(settings: object, group: str, name: str) -> None:
    """Turn a list read from YAML into the tuple that a frozen dataclass holds.

    Raises:
        InputError: naming the field and the value.
    """
    value = getattr(settings, name)
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    require(listed, f"{group}.{name}", value, "a list in brackets, such as [1, 2]")
    object.__setattr__(settings, name, tuple(value))


def require_rate(field_name: str, value: object) -> None:
    """Refuse a value that is neither a learning rate nor None.

    Raises:
        InputError: naming the field and the value.
    """
    if value is not None:
        require_number(field_name, value, 0.0)
