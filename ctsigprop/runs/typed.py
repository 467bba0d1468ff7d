"""Whether values that were read from JSON are of the types that a program's own dataclass has."""

from collections.abc import Set
from dataclasses import fields
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

from ctsigprop.runs.metrics import is_count, is_number


def wrong_field(kind: type[Any], values: object, needed: Set[str]) -> str | None:
    """What is wrong with the fields of a dataclass of counts, numbers, lists and mappings, in words; None if nothing.

    Args:
        kind: the dataclass.
        values: as JSON holds them, by field.
        needed: fields that may not be left out.
    """
    if not isinstance(values, dict) or not needed <= values.keys() <= {one.name for one in fields(kind)}:
        return f"is not the fields of a {kind.__name__}"
    hints = get_type_hints(kind)
    wrong = (name for name, value in values.items() if not _fits(value, hints[name]))
    return next((f"{name} = {values[name]!r:.60}: is not as a run writes it" for name in wrong), None)


def _fits(value: object, hint: Any) -> bool:
    kind, inner = get_origin(hint), get_args(hint)
    if hint is Any:
        return True
    if hint is int:
        return is_count(value)
    if hint is float:
        return is_number(value)
    if is_typeddict(hint):
        hints = get_type_hints(hint)
        return isinstance(value, dict) and all(
            _fits(value[name], hints[name]) if name in value else name not in hint.__required_keys__ for name in hints
        )
    if kind is list:
        return isinstance(value, list) and all(_fits(one, inner[0]) for one in value)
    if kind is dict:
        return isinstance(value, dict) and all(_fits(one, inner[1]) for one in value.values())
    return isinstance(value, hint)
