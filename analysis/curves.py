"""Figures of one run over its epochs: errors, residuals and sweeps of the phases, weight angles."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ctsigprop.files import atomic

Rows = Sequence[Mapping[str, Any]]


def draw_curves(metrics: Rows, folder: Path) -> list[Path]:
    """Draws errors.png, phases.png and angles.png.

    Args:
        metrics: one mapping an epoch, as metrics.jsonl holds them: errors in percent, angles in degrees.
        folder: where the figures go.

    Returns:
        Paths of the figures.

    Raises:
        RunFailure: the folder cannot be written.
    """
    drawn = {"errors": _errors(metrics), "phases": _phases(metrics), "angles": _angles(metrics)}
    paths = [folder / f"{name}.png" for name in drawn]
    for path, figure in zip(paths, drawn.values(), strict=True):
        with atomic(path) as file:
            figure.savefig(file, format="png", dpi=150)
    return paths


def _errors(metrics: Rows) -> Figure:
    figure, (axes,) = _figure(1)
    for part in ("train", "validation", "test"):
        axes.plot(*_series(metrics, f"{part}_error"), label=part)
    axes.set_ylabel("error (%)")
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure


def _phases(metrics: Rows) -> Figure:
    figure, (residuals, sweeps) = _figure(2)
    for phase in ("free", "clamped"):
        residuals.plot(*_series(metrics, f"{phase}_residual"), label=phase)
        sweeps.plot(*_series(metrics, f"{phase}_sweeps"), label=phase)
    residuals.set_ylabel("relative residual")
    residuals.set_yscale("log", nonpositive="mask")
    sweeps.set_ylabel("sweeps a sample")
    sweeps.set_ylim(bottom=0)
    residuals.legend()
    return figure


def _angles(metrics: Rows) -> Figure:
    figure, (axes,) = _figure(1)
    names = metrics[-1].get("angles", {}) if metrics else {}
    for name in names:
        points = [(row["epoch"], row["angles"][name]) for row in metrics if name in row["angles"]]
        axes.plot(*_columns(points), label=name)
    axes.axhline(90, color="grey", linewidth=0.8, linestyle="dotted")
    axes.set_ylabel("angle (degrees)")
    axes.set_ylim(0, 100)
    if names:
        axes.legend()
    return figure


def _figure(panels: int) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(5 * panels, 3.5), layout="constrained")
    axes = [figure.add_subplot(1, panels, panel + 1) for panel in range(panels)]
    for one in axes:
        one.set_xlabel("epoch")
        one.grid(alpha=0.3)
        one.xaxis.set_major_locator(MaxNLocator(integer=True))
    return figure, axes


def _series(metrics: Rows, key: str) -> tuple[list[int], list[float]]:
    return _columns([(row["epoch"], row.get(key)) for row in metrics])


def _columns(points: Sequence[tuple[int, float | None]]) -> tuple[list[int], list[float]]:
    """Epochs and values; a value that was not finite leaves a gap."""
    return [epoch for epoch, _ in points], [float("nan") if value is None else value for _, value in points]
