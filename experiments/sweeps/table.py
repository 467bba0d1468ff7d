"""Tables of a sweep: a row a point, and means and standard deviations over seeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ctsigprop.analysis.measures.angle import names_angle
from ctsigprop.core.files import atomic
from ctsigprop.core.yaml_text import written_on_one_line
from ctsigprop.runs.metrics import error_in_words, error_unit

SEED = "training.seed"
OUTCOMES = ("best_epoch", "best_validation_error", "test_error", "final_train_error", "seconds")
MOST_ROWS = 60
SHOWN = {"test_error": "test error", "best_validation_error": "validation error"}


@dataclass(frozen=True)
class Row:
    """What came out of a point.

    Attributes:
        point: its name.
        swept: the values that tell it from the others, by dotted name of the setting.
        summary: of its run: errors (of classes in percent, of a regression mean squares), best epoch, seconds.
        angles: after the last epoch, degrees by name.
        path: folder of its run.
    """

    point: str
    swept: Mapping[str, Any]
    summary: Mapping[str, Any]
    angles: Mapping[str, float]
    path: Path

    def __repr__(self) -> str:
        values = ", ".join(f"{name} = {value}" for name, value in self.swept.items())
        return f"Row({values}: test error {error_in_words(self.summary['test_error'], self.summary)})"


@dataclass(frozen=True)
class Table:
    """What came out of a sweep.

    Attributes:
        swept: dotted names of the settings that vary.
        rows: one for each point, in the order of the sweep, the last setting of the grid the fastest.
        path: folder of the sweep.
    """

    swept: tuple[str, ...]
    rows: tuple[Row, ...]
    path: Path

    @property
    def best(self) -> Row:
        """The row with the smallest validation error, the first of equals."""
        return min(self.rows, key=lambda row: row.summary["best_validation_error"])

    @property
    def unit(self) -> str:
        """Of the errors."""
        return error_unit(self.rows[0].summary) if self.rows else error_unit({})

    def to_pandas(self) -> pd.DataFrame:
        """A row for each point, as results.csv holds it."""
        return results(self.rows)

    def summary(self) -> pd.DataFrame:
        """Means and standard deviations over the seeds, as summary.csv holds them."""
        return summary(self.to_pandas(), self.swept)

    def __repr__(self) -> str:
        return f"Table({len(self.rows)} points of {', '.join(self.swept)} in {self.path}, best: {self.best})"


def results(rows: Iterable[Row]) -> pd.DataFrame:
    """A row a point: its name, its swept values, errors in percent, seconds, final angles in degrees.

    Numbers stay numbers; other values are written as in a sweep file, such as [64, 64].
    """
    return pd.DataFrame(
        {
            "point": row.point,
            **{setting: _cell(value) for setting, value in row.swept.items()},
            **{outcome: row.summary[outcome] for outcome in OUTCOMES},
            **row.angles,
        }
        for row in rows
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


def to_text(table: pd.DataFrame, swept: Sequence[str], unit: str = "%") -> str:
    """The first rows of a summary for a terminal: settings, points, errors and angles as mean +- standard deviation.

    Args:
        table: of a summary.
        swept: names of the settings that vary.
        unit: of the errors.
    """
    errors = {name: f"{title} ({unit})" for name, title in SHOWN.items()}
    means = [name.removesuffix("_mean") for name in table.columns if name.endswith("_mean")]
    angles = [name for name in means if names_angle(name)]
    shown = {setting: table[setting].map(str) for setting in others(swept)}
    shown["n"] = table["n"].map(str)
    for name, title in {**errors, **{angle: angle for angle in angles}}.items():
        digits = ".1f" if name in angles else ".2f" if unit == "%" else ".4g"
        pairs = zip(table[f"{name}_mean"], table[f"{name}_sd"], strict=True)
        shown[title] = [_spread(mean, deviation, digits) for mean, deviation in pairs]
    lines = pd.DataFrame(shown).head(MOST_ROWS).to_string(index=False)
    more = len(table) - MOST_ROWS
    return lines + (f"\n... and {more} more" if more > 0 else "")


def _spread(mean: float, deviation: float, digits: str) -> str:
    if pd.isna(mean):
        return "-"
    return f"{mean:{digits}}" + ("" if pd.isna(deviation) else f" +- {deviation:{digits}}")


def _cell(value: Any) -> Any:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return written_on_one_line(value)
