"""Tables of a sweep: a row a point, and means and standard deviations over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ctsigprop.analysis.measures.angle import names_angle
from ctsigprop.core.files import atomic

SEED = "training.seed"
OUTCOMES = ("best_epoch", "best_validation_error", "test_error", "final_train_error", "seconds")
MOST_ROWS = 60
SHOWN = {"test_error": "test error (%)", "best_validation_error": "validation error (%)"}

Row = tuple[str, Mapping[str, Any], Mapping[str, Any], Mapping[str, float]]
"""Name of a point, swept values, summary of its run, angles (degrees) after its last epoch."""


def results(rows: Iterable[Row]) -> pd.DataFrame:
    """A row a point: its name, its swept values, errors in percent, seconds, final angles in degrees.

    Numbers stay numbers; other values are written as in a sweep file, such as [64, 64].
    """
    return pd.DataFrame(
        {
            "point": name,
            **{setting: _cell(value) for setting, value in swept.items()},
            **{outcome: found[outcome] for outcome in OUTCOMES},
            **{angle: angles[angle] for angle in angles},
        }
        for name, swept, found, angles in rows
    )


def summary(table: pd.DataFrame, swept: Sequence[str]) -> pd.DataFrame:
    """A row for each combination of the swept settings but the seed, in the order of the table.

    Returns:
        The settings, `n` points, and for each outcome and angle X its X_mean and X_sd (of a sample: n - 1).
    """
    settings = others(swept)
    measured = [name for name in table.columns if name not in ("point", *swept)]
    keys = settings or pd.Series(0, table.index)
    groups = table.groupby(keys, sort=False, dropna=False)
    columns = {"n": groups.size()}
    for name in measured:
        columns |= {f"{name}_mean": groups[name].mean(), f"{name}_sd": groups[name].std(ddof=1)}
    return pd.DataFrame(columns).reset_index(drop=not settings)


def others(swept: Sequence[str]) -> list[str]:
    """The swept settings but the seed."""
    return [name for name in swept if name != SEED]


def angle_names(table: pd.DataFrame) -> list[str]:
    """Names of the angles that a table of results holds."""
    return [name for name in table.columns if names_angle(name)]


def to_csv(table: pd.DataFrame, path: Path) -> None:
    """Writes a table, whole or not at all.

    Raises:
        RunFailure: the folder cannot be written.
    """
    with atomic(path) as file:
        file.write(table.to_csv(index=False).encode())


def to_text(table: pd.DataFrame, swept: Sequence[str]) -> str:
    """The first rows of a summary for a terminal: settings, points, errors and angles as mean +- standard deviation."""
    means = [name.removesuffix("_mean") for name in table.columns if name.endswith("_mean")]
    angles = [name for name in means if names_angle(name)]
    shown = {setting: table[setting].map(str) for setting in others(swept)}
    shown["n"] = table["n"].map(str)
    for name, title in {**SHOWN, **{angle: angle for angle in angles}}.items():
        digits = 1 if name in angles else 2
        pairs = zip(table[f"{name}_mean"], table[f"{name}_sd"], strict=True)
        shown[title] = [_spread(mean, deviation, digits) for mean, deviation in pairs]
    lines = pd.DataFrame(shown).head(MOST_ROWS).to_string(index=False)
    more = len(table) - MOST_ROWS
    return lines + (f"\n... and {more} more" if more > 0 else "")


def _spread(mean: float, deviation: float, digits: int) -> str:
    if pd.isna(mean):
        return "-"
    return f"{mean:.{digits}f}" + ("" if pd.isna(deviation) else f" +- {deviation:.{digits}f}")


def _cell(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("...\n").strip()
