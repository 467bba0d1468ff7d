"""Figures of a run of the discrete family over its epochs: errors, and what each layer does."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ctsigprop.analysis.plots.curves import error_figure
from ctsigprop.analysis.plots.probe_curves import gapped
from ctsigprop.analysis.plots.style import COLOURS, epoch_axis, new_figure, save, styled
from ctsigprop.runs.rows import MetricsRow


def draw_layers(metrics: Sequence[MetricsRow], folder: Path) -> list[Path]:
    """Draw errors.png and, where more than one stage learns, layers.png.

    Args:
        metrics: a row an epoch: errors in percent, losses in nats.
        folder: where the figures go.

    Returns:
        Paths of the figures.

    Raises:
        RunFailure: the folder cannot be written.
    """
    with styled():
        drawn = {"errors": error_figure(metrics)}
        if len(metrics[-1]["losses"]) > 1:
            drawn["layers"] = layers_figure(metrics)
        return [save(figure, folder / f"{name}.png") for name, figure in drawn.items()]


def layers_figure(metrics: Sequence[MetricsRow]) -> Figure:
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


def _curves(
    axes: Axes, metrics: Sequence[MetricsRow], curves: Mapping[str, Iterable[float]], colours: Mapping[str, str]
) -> None:
    marker = epoch_axis(axes, len(metrics))
    for name, values in curves.items():
        axes.plot(*gapped(metrics, values), marker=marker, color=colours[name], label=name)
    axes.set_ylim(bottom=0)
