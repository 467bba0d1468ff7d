"""Figures of what a run's probe measured over its epochs: updates beside gradients, stability, signals."""

from collections.abc import Iterable, Mapping, Sequence
from math import nan
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter

from ctsigprop.analysis.plots.style import BLUE, COLOURS, INK, PURPLE, VERMILION, epoch_axis, new_figure

Rows = Sequence[Mapping[str, Any]]
Curve = tuple[list[float], list[float]]
Band = tuple[list[float], list[float], list[float]]
"""Epochs, means and standard deviations."""

COMPARED = {"cosine": "cosine of update and descent", "norm_ratio": "|update| / |gradient|"}
STABILITY = {
    "loop_gain": ("largest loop gain", BLUE),
    "time_constant": ("slowest time constant", VERMILION),
    "oscillating": ("fraction oscillating", PURPLE),
}
DOTTED: dict[str, Any] = {"color": INK, "linewidth": 0.9, "linestyle": (0, (1, 2))}


def probed_rows(metrics: Rows) -> Rows:
    """The epochs that were probed."""
    return [row for row in metrics if "probe" in row]


def gradient_figure(probed: Rows) -> Figure:
    """Cosine and norm ratio between each matrix's update and the exact gradient, over epochs."""
    figure = new_figure(9.2, 3.6)
    panels = figure.subplots(1, 2)
    names = [name for name in probed[-1]["probe"]["gradient"] if name.startswith("W")]
    for axes, (quantity, label) in zip(panels, COMPARED.items(), strict=True):
        marker = epoch_axis(axes, len(probed))
        for place, name in enumerate(names):
            epochs, values = gapped(probed, (row["probe"]["gradient"][name][quantity] for row in probed))
            colour = COLOURS[place % len(COLOURS)]
            axes.plot(epochs, values, marker=marker, color=colour, label=matrix_label(name))
        axes.set_ylabel(label)
    scale_comparison(panels)
    panels[1].yaxis.set_minor_formatter(NullFormatter())
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside right upper")
    return figure


def scale_comparison(panels: Sequence[Axes]) -> None:
    """Axes of a cosine and of a norm ratio that hold their curves: a line at 1, the ratio on a log axis."""
    cosine, ratio = panels
    for axes in panels:
        axes.axhline(1, **DOTTED)
    cosine.set_ylim(min(0, cosine.get_ylim()[0]), 1.05)
    ratio.set_yscale("log", nonpositive="mask")
    ratio.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ratio.yaxis.set_major_formatter("{x:g}")


def matrix_label(name: str) -> str:
    """A matrix's name as a symbol: W12 with its layers as an index."""
    return rf"$W_{{{name[1:].replace('_', ',')}}}$"


def stability_figure(probed: Rows) -> Figure:
    """Loop gain with the line at 1, slowest time constant, and the fraction of samples that oscillate."""
    figure = new_figure(10.2, 3.2)
    panels = figure.subplots(1, 3)
    for axes, (quantity, (label, colour)) in zip(panels, STABILITY.items(), strict=True):
        marker = epoch_axis(axes, len(probed))
        epochs, values = gapped(probed, (row["probe"]["stability"][quantity] for row in probed))
        axes.plot(epochs, values, marker=marker, color=colour)
        axes.set_ylabel(label)
    gain, time_constant, oscillating = panels
    gain.axhline(1, **DOTTED)
    for axes in (gain, time_constant):
        axes.set_ylim(0, 1.05 * axes.get_ylim()[1])
    oscillating.set_ylim(-0.03, 1.03)
    return figure


def signal_bands(metrics: Rows) -> dict[str, Band]:
    """Mean and standard deviation of the angle between signals (degrees) by name, of the epochs that were probed."""
    probed = probed_rows(metrics)
    names = probed[-1]["probe"]["signals"] if probed else {}
    bands = {}
    for name in names:
        found = [row["probe"]["signals"][name] for row in probed]
        epochs, means = gapped(probed, (summary["mean"] for summary in found))
        _, deviations = gapped(probed, (summary["standard_deviation"] for summary in found))
        bands[name] = epochs, means, deviations
    return bands


def gapped(rows: Rows, values: Iterable[float | None]) -> Curve:
    """Epochs and values; one that was not finite, or not logged, leaves a gap."""
    return [row["epoch"] for row in rows], [nan if value is None else value for value in values]
