"""Figures of one run over its epochs: errors, residuals and sweeps of the phases, weight angles."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ctsigprop.analysis.plots.limits import WIDE_RANGE
from ctsigprop.analysis.plots.probe_curves import Band, Curve, Rows, gapped
from ctsigprop.analysis.plots.style import (
    BLUE,
    COLOURS,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    epoch_axis,
    new_figure,
)
from ctsigprop.runs.metrics import REGRESSION, best_row, error_in_words

ERRORS = {"train": MUTED, "validation": ORANGE, "test": BLUE}
PHASES = {"free": BLUE, "clamped": VERMILION}
DASHES = ("-", "--", ":")  # as often as there are more curves than colours
RANDOM: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": (0, (4, 3))}


def error_figure(metrics: Rows) -> Figure:
    """Errors in percent, on a log axis where they fall far; the epoch whose weights are kept is marked."""
    figure = new_figure(5.4, 3.6)
    axes = figure.add_subplot()
    marker = epoch_axis(axes, len(metrics))
    curves = {part: gapped(metrics, (row[f"{part}_error"] for row in metrics)) for part in ERRORS}
    for part, (x, y) in curves.items():
        axes.plot(x, y, marker=marker, color=ERRORS[part], label=part)
    positive = [error for _, y in curves.values() for error in y if error > 0]
    if positive and max(positive) > WIDE_RANGE * min(positive):
        axes.set_yscale("log", nonpositive="clip")
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        axes.set_ylim(bottom=0)
    best = best_row(metrics)
    axes.set_ylabel("mean square error" if best.get(REGRESSION) else "error (%)")
    axes.axvline(best["epoch"], color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
    error = error_in_words(best["test_error"], best)
    axes.set_title(f"test error {error} at the best validation error, epoch {best['epoch']}")
    axes.legend()
    return figure


def phases_figure(metrics: Rows, tolerance: float) -> Figure:
    """Residuals and sweeps of both phases over epochs.

    Args:
        metrics: one mapping an epoch, as metrics.jsonl holds them.
        tolerance: the largest residual of a converged phase.
    """
    figure = new_figure(8.8, 3.4)
    residuals, sweeps = figure.subplots(1, 2)
    for axes, quantity in ((residuals, "residual"), (sweeps, "sweeps")):
        marker = epoch_axis(axes, len(metrics))
        for phase, colour in PHASES.items():
            x, y = gapped(metrics, (row[f"{phase}_{quantity}"] for row in metrics))
            axes.plot(x, y, marker=marker, color=colour, label=f"{phase} phase")
    residuals.axhline(tolerance, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="tolerance")
    residuals.set_yscale("log", nonpositive="mask")
    low, high = residuals.get_ylim()
    residuals.set_ylim(min(low, tolerance / 10), max(high, tolerance * 10))
    residuals.set_ylabel("largest relative residual")
    residuals.legend()
    sweeps.set_ylabel("mean sweeps a sample")
    sweeps.set_ylim(bottom=0)
    return figure


def angle_curves(metrics: Rows) -> dict[str, Curve]:
    """Epochs and angles (degrees) by name, of the names that the last epoch has; fractions are within the first."""
    names = metrics[-1]["angles"] if metrics else {}
    rows = [point for row in metrics for point in (*row.get("early", ()), row)]
    return {name: gapped(rows, (row["angles"].get(name) for row in rows)) for name in names}


def angle_figure(
    curves: Mapping[str, Curve],
    spread: Mapping[str, tuple[float, float, float]] | None = None,
    signals: Mapping[str, Band] | None = None,
) -> Figure:
    """Angles over epochs, with the 90 degrees of random weights.

    Args:
        curves: epochs and degrees by name.
        spread: by name, the epoch, mean and standard deviation over samples of the angle between their signals.
        signals: likewise over epochs, for a panel of their own.
    """
    figure = new_figure(9.6 if signals else 6.4, 3.8)
    axes, *others = figure.subplots(1, 2 if signals else 1, sharey=True, squeeze=False)[0]
    marker = epoch_axis(axes, max(len(epochs) for epochs, _ in curves.values()))
    axes.axhline(90, **RANDOM, label="random weights")
    for place, (name, (epochs, degrees)) in enumerate(curves.items()):
        colour, dashes = COLOURS[place % len(COLOURS)], DASHES[place // len(COLOURS) % len(DASHES)]
        axes.plot(epochs, degrees, marker=marker, color=colour, linestyle=dashes, label=angle_label(name))
        if spread and name in spread:
            epoch, mean, deviation = spread[name]
            beside = epoch + epochs[-1] * (0.03 + 0.025 * place)
            axes.errorbar(beside, mean, deviation, color=colour, fmt="s", capsize=3, elinewidth=1.2)
        if signals and name in signals:
            _band(others[0], signals[name], colour, dashes)
    if spread:
        axes.errorbar(
            [], [], [], color=MUTED, fmt="s", capsize=3, elinewidth=1.2, label="sample by sample,\nmean and SD"
        )
    if signals:
        axes.set_title("weight matrices")
        others[0].set_title("signals, sample by sample: mean and SD")
        others[0].axhline(90, **RANDOM)
        epoch_axis(others[0], len(signals))
    axes.set_ylabel("angle (degrees)")
    axes.set_ylim(0, max(95, axes.get_ylim()[1]))
    axes.set_yticks(range(0, 91, 15))
    figure.legend(*axes.get_legend_handles_labels(), loc="outside right upper")
    return figure


def _band(axes: Axes, band: Band, colour: str, dashes: str) -> None:
    epochs, means, deviations = band
    marker = epoch_axis(axes, len(epochs))
    axes.plot(epochs, means, marker=marker, color=colour, linestyle=dashes)
    low, high = np.subtract(means, deviations), np.add(means, deviations)
    axes.fill_between(epochs, low, high, color=colour, alpha=0.15, linewidth=0)


def angle_label(name: str) -> str:
    """An angle's name as the paper writes it: the product, the sign of an angle, the matrix."""
    matrix, _, product = name.partition(" vs ")
    return rf"${_symbols(product)}\,\angle\,{_symbols(matrix)}$"


def _symbols(product: str) -> str:
    return re.sub(r"W(\w+)\*?", lambda match: f"W_{{{match[1].replace('_', ',')}}}", product)
