"""Figures of a run of the discrete family over its epochs: errors, and what each layer does."""

from collections.abc import Iterable, Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ctsigprop.analysis.plots.probe_curves import Rows, gapped
from ctsigprop.analysis.plots.style import COLOURS, epoch_axis, new_figure


def layers_figure(metrics: Rows) -> Figure:
    """The loss of every stage and, beside it, the validation error of those that predict: the early exits."""
    figure = new_figure(9.2, 3.6)
    losses, exits = figure.subplots(1, 2)
    stages = list(metrics[-1]["losses"])
    colours = {stage: COLOURS[place % len(COLOURS)] for place, stage in enumerate(stages)}
    _curves(losses, metrics, {stage: [row["losses"][stage] for row in metrics] for stage in stages}, colours)
    losses.set_ylabel("mean loss of the stage")
    predicting = metrics[-1]["exits"]
    errors = {stage: [row["exits"][stage]["validation_error"] for row in metrics] for stage in predicting}
    _curves(exits, metrics, errors, colours)
    exits.set_ylabel("validation error of the exit (%)")
    figure.legend(*losses.get_legend_handles_labels(), loc="outside right upper")
    return figure


def _curves(axes: Axes, metrics: Rows, curves: Mapping[str, Iterable[Any]], colours: Mapping[str, str]) -> None:
    marker = epoch_axis(axes, len(metrics))
    for name, values in curves.items():
        axes.plot(*gapped(metrics, values), marker=marker, color=colours[name], label=name)
    axes.set_ylim(bottom=0)
