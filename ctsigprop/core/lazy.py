"""Public names of a package, each imported when it is first used."""

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

from ctsigprop.errors import InputError

Homes = Mapping[str, Sequence[str]]
"""Modules, by their full names, and the public names that each has."""


def names_of(homes: Homes) -> list[str]:
    """All public names, in order."""
    return sorted(name for names in homes.values() for name in names)


def imported(package: str, name: str, homes: Homes) -> Any:
    """Import a public name and keep it in the package: a module's `__getattr__` (PEP 562).

    Args:
        package: full name of the package.
        name: that was asked of it.
        homes: of its public names.

    Raises:
        AttributeError: it has no such name.
        InputError: the name needs PyTorch, which is not installed.
    """
    home = next((module for module, names in homes.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    try:
        thing = getattr(import_module(home), name)
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise InputError("torch: is not installed: `pip install 'ctsigprop[torch]'`") from error
    setattr(sys.modules[package], name, thing)
    return thing
