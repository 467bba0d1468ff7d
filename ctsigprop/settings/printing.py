"""How settings print: what is not the default, in a line or two."""

from dataclasses import MISSING, Field, fields
from reprlib import Repr
from typing import Any

SHORT = Repr()
SHORT.maxtuple, SHORT.maxstring, SHORT.maxother, SHORT.maxlong = 4, 60, 72, 40


def changed(settings: Any) -> str:
    """Settings with those of their fields alone that are not the defaults; long ones lose their middle."""
    values = {one.name: getattr(settings, one.name) for one in fields(settings)}
    shown = [
        f"{one.name}={SHORT.repr(values[one.name])}" for one in fields(settings) if values[one.name] != _default(one)
    ]
    return f"{type(settings).__name__}({', '.join(shown)})"


def _default(one: Field[Any]) -> Any:
    return one.default if one.default_factory is MISSING else one.default_factory()
