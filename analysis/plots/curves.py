"""Figures of one run over its epochs: errors, residuals and sweeps of the phases, weight angles."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ctsigprop.analysis.measures.angle import Angle, History, history_of, names_angle
from ctsigprop.analysis.plots.limits import WIDE_RANGE
from ctsigprop.analysis.plots.probe_curves import (
    Band,
    Curve,
    gapped,
    matrix_symbol,
    probe_figures,
    signal_bands,
    with_gaps,
)
from ctsigprop.analysis.plots.style import (
    BLUE,
    COLOURS,
    INK,
    MUTED,
    ORANGE,
    VERMILION,
    epoch_axis,
    new_figure,
    save,
    styled,
)
from ctsigprop.runs.metrics import best_row, error_in_words
from ctsigprop.runs.rows import ErrorField, MetricsRow, PhaseField

ERRORS: Mapping[ErrorField, str] = {"train_error": MUTED, "validation_error": ORANGE, "test_error": BLUE}
RESIDUALS: Mapping[PhaseField, str] = {"free_residual": BLUE, "clamped_residual": VERMILION}
SWEEPS: Mapping[PhaseField, str] = {"free_sweeps": BLUE, "clamped_sweeps": VERMILION}
DASHES = ("-", "--", ":")  # as often as there are more curves than colours
RANDOM: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": (0, (4, 3))}


def draw_curves(metrics: Sequence[MetricsRow], folder: Path, tolerance: float) -> list[Path]:
    """Draw errors.png, phases.png and, where they were logged, angles.png, gradient.png and stability.png.

    Args:
        metrics: a row an epoch: errors in percent, angles in degrees.
        folder: where the figures go.
        tolerance: the largest residual of a converged phase.

    Returns:
        Paths of the figures.

    Raises:
        RunFailure: the folder cannot be written.
    """
    with styled():
        drawn = {"errors": error_figure(metrics), "phases": _phases(metrics, tolerance)}
        curves = angle_curves(history_of(metrics))
        if curves:
            drawn["angles"] = angle_figure(curves, signals=signal_bands(metrics))
        drawn |= probe_figures(metrics)
        return [save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def error_figure(metrics: Sequence[MetricsRow]) -> Figure:
    """Errors in percent, on a log axis where they fall far; the epoch whose weights are kept is marked."""
    figure = new_figure(5.4, 3.6)
    axes = figure.add_subplot()
    marker = epoch_axis(axes, len(metrics))
    curves = {field: gapped(metrics, (row[field] for row in metrics)) for field in ERRORS}
    for field, (x, y) in curves.items():
        axes.plot(x, y, marker=marker, color=ERRORS[field], label=field.removesuffix("_error"))
    positive = [error for _, y in curves.values() for error in y if error > 0]
    if positive and max(positive) > WIDE_RANGE * min(positive):
        axes.set_yscale("log", nonpositive="clip")
        axes.yaxis.set_major_formatter("{x:g}")
    else:
        axes.set_ylim(bottom=0)
    best = best_row(metrics)
    axes.set_ylabel("mean square error" if best.get("regression") else "error (%)")
    axes.axvline(best["epoch"], color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
    error = error_in_words(best["test_error"], best)
    axes.set_title(f"test error {error} at the best validation error, epoch {best['epoch']}")
    axes.legend()
    return figure


def _phases(metrics: Sequence[MetricsRow], tolerance: float) -> Figure:
    figure = new_figure(8.8, 3.4)
    residuals, sweeps = figure.subplots(1, 2)
    for axes, colours in ((residuals, RESIDUALS), (sweeps, SWEEPS)):
        marker = epoch_axis(axes, len(metrics))
        for field, colour in colours.items():
            x, y = gapped(metrics, (row[field] for row in metrics))
            axes.plot(x, y, marker=marker, color=colour, label=f"{field.partition('_')[0]} phase")
    residuals.axhline(tolerance, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label="tolerance")
    residuals.set_yscale("log", nonpositive="mask")
    low, high = residuals.get_ylim()
    residuals.set_ylim(min(low, tolerance / 10), max(high, tolerance * 10))
    residuals.set_ylabel("largest relative residual")
    residuals.legend()
    sweeps.set_ylabel("mean sweeps a sample")
    sweeps.set_ylim(bottom=0)
    return figure


def angle_curves(history: History) -> dict[str, Curve]:
    """Return epochs and angles (degrees) by name, of the names that the last epoch has."""
    epochs = list(history)
    names = history[epochs[-1]] if epochs else {}
    return {name: (epochs, with_gaps(angles.get(name) for angles in history.values())) for name in names}


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
    """Return an angle's name as the paper writes it: the product, the sign of an angle, the matrix."""
    if not names_angle(name):
        return name
    angle = Angle.parse(name)
    return rf"${''.join(map(matrix_symbol, angle.back))}\,\angle\,{matrix_symbol(angle.matrix)}$"
