"""Rows of metrics as runs write them, and what is wrong with one that no run has written."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
Check = Callable[[Any], bool]

NUMBERS = ("epoch", "train_error", "validation_error", "test_error", "seconds")
"""What a row of every wing has."""


def is_number(value: object) -> bool:
    """Whether a value read from JSON is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def best_row(rows: Sequence[Row]) -> Row:
    """The row of metrics with the smallest validation error, the last of equals."""
    return min(reversed(rows), key=lambda row: row["validation_error"])


def wrong_in(row: Row) -> str | None:
    """The first field of a row that is not as a run writes it, in words; None where all are."""
    for name in NUMBERS:
        if not is_number(row.get(name)):
            return f"{name} = {row.get(name)!r}: must be a number"
    wrong = next((name for name, good in MEASURED.items() if not good(row.get(name))), None)
    return wrong and f"{wrong} is not as a run writes it"


def _is_object(value: Any, good: Check = lambda _: True) -> bool:
    """Whether a value is left out, or an object of good values."""
    return value is None or (isinstance(value, dict) and all(map(good, value.values())))


def _are_angles(value: Any) -> bool:
    return _is_object(value, lambda degrees: degrees is None or is_number(degrees))


def _is_probe(value: Any) -> bool:
    return _is_object(value) and all(
        _is_object((value or {}).get(part), _is_object) for part in ("signals", "gradient")
    )


def _is_early(value: Any) -> bool:
    points = [] if value is None else value
    return isinstance(points, list) and all(
        isinstance(point, dict) and is_number(point.get("epoch")) and _are_angles(point.get("angles"))
        for point in points
    )


MEASURED: Mapping[str, Check] = {
    "angles": _are_angles,
    "early": _is_early,
    "exits": lambda value: _is_object(value, _is_object),
    "losses": _is_object,
    "probe": _is_probe,
    "warnings": _is_object,
}
"""What some rows have, and how it must be."""
