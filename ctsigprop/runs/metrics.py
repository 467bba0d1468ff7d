"""Rows of metrics as runs write them, and what is wrong with one that no run has written."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ctsigprop.runs.rows import MetricsRow
from ctsigprop.settings.checks import MOST

Check = Callable[[Any], bool]

NUMBERS = ("train_error", "validation_error", "test_error", "seconds")
"""What a row of every family has, beside its epoch."""
LARGEST = 1e100
"""Above every number that a run measures; charts can be drawn of those below."""


REGRESSION = "regression"
"""A field of rows and summaries whose errors are mean squares; without it they are in percent."""


def error_unit(of: Mapping[str, object]) -> str:
    """The unit of the errors of a row or a summary."""
    return "mean square" if of.get(REGRESSION) else "%"


def error_in_words(error: float, of: Mapping[str, object]) -> str:
    """An error with its unit.

    Args:
        error: of a class in percent, of a regression the mean square over outputs and samples.
        of: the row, or the summary, that it is from.
    """
    return f"{error:.4g} ({error_unit(of)})" if of.get(REGRESSION) else f"{error:.2f} %"


def is_number(value: object) -> bool:
    """Return whether a value read from JSON is a finite number no larger than LARGEST."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= LARGEST


def is_count(value: object) -> bool:
    """Return whether a value read from JSON is a whole number, such as an epoch's, and not negative."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST


def best_row(rows: Sequence[MetricsRow]) -> MetricsRow:
    """Return the row with the smallest validation error, the last of equals."""
    return min(reversed(rows), key=lambda row: row["validation_error"])


def wrong_in(row: Mapping[str, object]) -> str | None:
    """Describe the first field of a row that no run writes so; return None if there is none."""
    if not is_count(row.get("epoch")):
        return f"epoch = {row.get('epoch')!r:.60}: must be a number of epochs"
    for name in NUMBERS:
        if not is_number(row.get(name)):
            return f"{name} = {row.get(name)!r:.60}: must be a number"
    wrong = next((name for name, good in MEASURED.items() if not good(row.get(name))), None)
    return wrong and f"{wrong} is not as a run writes it"


def _is_object(value: Any, good: Check = lambda _: True) -> bool:
    """Return whether a value is missing, or an object of good values."""
    return value is None or (isinstance(value, dict) and all(map(good, value.values())))


def _is_measured(value: Any) -> bool:
    """Return whether a value is a number, or None for one that was not finite."""
    return value is None or is_number(value)


def _are_measured(value: Any) -> bool:
    return _is_object(value, _is_measured)


def _is_probe(value: Any) -> bool:
    probe = value or {}
    return _is_object(value) and all(
        _is_object(probe.get(part), _are_measured) for part in ("signals", "slopes", "gradient")
    )


def _is_early(value: Any) -> bool:
    points = [] if value is None else value
    return isinstance(points, list) and all(
        isinstance(point, dict) and is_number(point.get("epoch")) and _are_measured(point.get("angles"))
        for point in points
    )


PHASES = ("free_residual", "clamped_residual", "free_sweeps", "clamped_sweeps", "loop_gain")
"""What a row of the continuous family has, and None where it was not finite."""

MEASURED: Mapping[str, Check] = {
    **dict.fromkeys(PHASES, _is_measured),
    "angles": _are_measured,
    "changes": _are_measured,
    "early": _is_early,
    "exits": lambda value: _is_object(value, _are_measured),
    "losses": _are_measured,
    "probe": _is_probe,
    "warnings": _is_object,
}
"""What some rows have, and how it must be."""


def whole_in(row: Mapping[str, object], first: Mapping[str, object]) -> bool:
    """Return whether a row has all that is drawn of it, under the names that the first row of its run has."""
    there = [name for name in WHOLE if name in row]
    return all(WHOLE[name](row[name]) and _names(row[name]) == _names(first.get(name, row[name])) for name in there)


def _each(good: Check) -> Check:
    return lambda value: value is not None and _is_object(value, good)


def _has(*names: str) -> Check:
    return lambda value: isinstance(value, dict) and all(_is_measured(value.get(name, "missing")) for name in names)


def _is_whole_probe(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    return all(good(value.get(part)) for part, good in PROBED.items() if part != "slopes" or part in value)


def _names(value: Any) -> Any:
    """Names in an object, and in the objects inside it."""
    return {name: _names(inner) for name, inner in value.items()} if isinstance(value, dict) else None


PROBED: Mapping[str, Check] = {
    "signals": _each(_has("mean", "standard_deviation")),
    "slopes": _each(_has("mean", "standard_deviation")),
    "gradient": _each(_has("cosine", "norm_ratio")),
    "stability": _has("loop_gain", "time_constant", "oscillating"),
}
WHOLE: Mapping[str, Check] = {
    "losses": _each(_is_measured),
    "exits": _each(_has("validation_error")),
    "probe": _is_whole_probe,
}
"""What is drawn of a row that has it."""
