"""Settings by dotted name, such as nudging.beta: how a sweep file names what varies."""

from collections.abc import Mapping
from typing import Any

from ctsigprop.errors import InputError
from ctsigprop.settings.config import check_names

THREADS = "training.threads"

Setting = dict[str, Any]
"""Values by dotted name, such as {"nudging.beta": 0.1}."""


def check_setting(field: str, dotted: Any, family: str) -> None:
    """Passes the dotted name of a setting that can be swept.

    Args:
        field: of the sweep file that holds the name.
        dotted: the name.
        family: whose settings are swept.

    Raises:
        InputError: naming both.
    """
    group, dot, name = str(dotted).partition(".")
    if not dot:
        raise InputError(f"{field}.{dotted}: must be GROUP.SETTING, such as training.seed")
    try:
        check_names({group: {name: None}}, family)
    except InputError as error:
        reason = str(error).rpartition(": no such ")[2]
        raise InputError(f"{field}.{dotted}: no such {reason}") from error
    if dotted == THREADS:
        raise InputError(f"{field}.{THREADS}: is 1 in a sweep, whose points run side by side: leave it out")


def grouped(swept: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The same values as {group: {name: value}}."""
    values: dict[str, dict[str, Any]] = {}
    for dotted, value in swept.items():
        group, _, name = dotted.partition(".")
        values.setdefault(group, {})[name] = value
    return values
