"""Figures of a sweep: errors and angles against the first setting, a map of the errors over two."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator
from pandas.api.types import is_numeric_dtype

from ctsigprop.analysis.plots.curves import DASHES, angle_label
from ctsigprop.analysis.plots.style import COLOURS, INK, new_figure, save, styled
from ctsigprop.experiments.sweeps.table import angle_names, others

WIDE_RANGE = 10
MOST_LINES = len(COLOURS) * len(DASHES)
MOST_PANELS = 6
FEW_VALUES = 10
STEPS = (1, 2, 5)  # within a decade of a log axis
DODGE = 0.008  # of the axis, so that error bars at one value stand side by side
MAP = "viridis"


def draw_sweep(table: pd.DataFrame, swept: Sequence[str], folder: Path, unit: str = "%") -> list[Path]:
    """Draws test-error.png, angles.png where angles were logged, and map.png where two settings are numbers.

    Args:
        table: of results, a row a point.
        swept: names of the settings that vary.
        folder: where the figures go.
        unit: of the errors.

    Returns:
        Paths of the figures; none where only the seed varies.

    Raises:
        RunFailure: the folder cannot be written.
    """
    settings = [name for name in others(swept) if table[name].nunique() > 1]
    numeric = [name for name in settings if is_numeric_dtype(table[name])]
    if not settings:
        return []
    axis = (numeric or settings)[0]
    rest = [name for name in settings if name != axis]
    quantity = f"test error ({unit})"
    with styled():
        drawn = {"test-error": _errors(table, axis, rest, quantity)}
        if angle_names(table):
            drawn["angles"] = _angles(table, axis, rest)
        if len(numeric) > 1:
            across, up = numeric[:2]
            drawn["map"] = _map(table, across, up, [name for name in rest if name != up], quantity)
        return [save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def _errors(table: pd.DataFrame, axis: str, rest: list[str], quantity: str) -> Figure:
    figure = new_figure(6.4, 3.8)
    axes = figure.add_subplot()
    _lines(axes, table, axis, rest, "test_error")
    axes.set_ylabel(quantity)
    if _spans_decades(table["test_error"]):
        axes.set_yscale("log", nonpositive="clip")
        axes.yaxis.set_major_locator(LogLocator(subs=STEPS))
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        axes.set_ylim(bottom=0)
    _legend(figure, axes)
    return figure


def _angles(table: pd.DataFrame, axis: str, rest: list[str]) -> Figure:
    """A panel for each angle, with the 90 degrees of random weights."""
    names = angle_names(table)
    figure = new_figure(2.2 + 3.2 * len(names), 3.6)
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    for axes, name in zip(panels, names, strict=True):
        axes.axhline(90, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="random weights")
        _lines(axes, table, axis, rest, name)
        axes.set_title(angle_label(name))
    panels[0].set_ylabel("angle after the last epoch (degrees)")
    panels[0].set_ylim(0, max(95, panels[0].get_ylim()[1]))
    panels[0].set_yticks(range(0, 91, 15))
    _legend(figure, panels[0])
    return figure


def _lines(axes: Axes, table: pd.DataFrame, axis: str, rest: list[str], quantity: str) -> None:
    """Mean and standard deviation over the seeds, a line for each combination of the other settings.

    Where these are too many for lines to be told apart, as in a random sample, every point on its own.
    """
    lines = list(_groups(table, rest))
    if len(lines) > MOST_LINES:
        axes.plot(_places(table[axis], table), table[quantity], "o", color=COLOURS[0], alpha=0.6)
    else:
        for place, (label, rows) in enumerate(lines):
            of_value = rows.groupby(axis, sort=is_numeric_dtype(table[axis]))[quantity]
            mean, deviation = of_value.mean(), of_value.std(ddof=1).fillna(0)
            axes.errorbar(
                _places(mean.index.to_series(), table, DODGE * (place - (len(lines) - 1) / 2)),
                mean,
                deviation,
                marker="o",
                capsize=3,
                color=COLOURS[place % len(COLOURS)],
                linestyle=DASHES[place // len(COLOURS)],
                label=label,
            )
    _scale(axes, table, axis)


def _groups(table: pd.DataFrame, settings: list[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The rows of each combination of values, and the combination in words; all rows where nothing varies."""
    if not settings:
        yield "", table
        return
    for values, rows in table.groupby(settings, sort=False, dropna=False):
        pairs = zip(settings, values, strict=True)
        yield ", ".join(f"{name.partition('.')[2]} {_text(value)}" for name, value in pairs), rows


def _text(value: object) -> str:
    """A value as labels show it: of a path the last part, and dollars as dollars."""
    text = str(value)
    return (Path(text).name if text.startswith("/") else text).replace("$", r"\$")


def _places(values: pd.Series, table: pd.DataFrame, beside: float = 0) -> pd.Series:
    """Where values of a setting stand on its axis, moved by a part of it: numbers as they are, others in a row."""
    setting = table[values.name]
    if not is_numeric_dtype(setting):
        order = list(setting.unique())
        return values.map(order.index) + beside * len(order)
    if _spans_decades(setting):
        return values * (setting.max() / setting.min()) ** beside
    return values + (setting.max() - setting.min()) * beside


def _spans_decades(values: pd.Series) -> bool:
    """Whether numbers lie so far apart that only a log axis shows them all."""
    return bool(values.min() > 0 and values.max() >= WIDE_RANGE * values.min())


def _scale(axes: Axes, table: pd.DataFrame, axis: str) -> None:
    axes.set_xlabel(axis)
    values = table[axis]
    if not is_numeric_dtype(values):
        names = list(values.unique())
        axes.set_xticks(range(len(names)), [_text(name) for name in names])
    elif _spans_decades(values):
        axes.set_xscale("log")
        if values.nunique() <= FEW_VALUES:
            axes.set_xticks(sorted(values.unique()), minor=False)
            axes.set_xticks([], minor=True)
        else:
            axes.xaxis.set_major_locator(LogLocator(subs=STEPS))
        axes.xaxis.set_major_formatter("{x:g}")


def _legend(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    shown = [(handle, label) for handle, label in zip(handles, labels, strict=True) if label]
    if shown:
        figure.legend(*zip(*shown, strict=True), loc="outside right upper")


def _map(table: pd.DataFrame, across: str, up: str, rest: list[str], quantity: str) -> Figure:
    """Mean test error over two settings, a panel for each of the first combinations of the others.

    Whole grids as numbered cells, any other set of points as coloured dots.
    """
    groups = list(_groups(table, rest))[:MOST_PANELS]
    means = [rows.pivot_table("test_error", up, across, "mean") for _, rows in groups]
    whole_grid = (table[up].nunique(), table[across].nunique())
    whole = all(cells.shape == whole_grid and cells.notna().all(axis=None) for cells in means)
    figure = new_figure(1.6 + 3.4 * len(groups), 3.6)
    panels = figure.subplots(1, len(groups), sharex=True, sharey=True, squeeze=False)[0]
    low, high = table["test_error"].min(), table["test_error"].max()
    for axes, (label, rows), cells in zip(panels, groups, means, strict=True):
        if whole:
            shown = axes.imshow(cells, cmap=MAP, vmin=low, vmax=high, origin="lower", aspect="auto")
            axes.set_xticks(range(cells.shape[1]), [f"{value:g}" for value in cells.columns])
            axes.set_yticks(range(cells.shape[0]), [f"{value:g}" for value in cells.index])
            axes.grid(visible=False)
            for (row, column), error in np.ndenumerate(cells.to_numpy()):
                dark = error < (low + high) / 2
                axes.text(column, row, f"{error:.1f}", ha="center", va="center", color="white" if dark else INK, size=7)
            axes.set_xlabel(across)
        else:
            shown = axes.scatter(rows[across], rows[up], c=rows["test_error"], cmap=MAP, vmin=low, vmax=high, s=30)
            _scale(axes, table, across)
            if _spans_decades(table[up]):
                axes.set_yscale("log")
        axes.set_title(label)
    panels[0].set_ylabel(up)
    figure.colorbar(shown, ax=panels, label=quantity)
    return figure
