"""Fig. 3 in numbers: how near inputs and targets are, layer by layer, over training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ctsigprop.analysis.plots.limits import FEW_POINTS
from ctsigprop.analysis.plots.style import BLUE, COLOURS, VERMILION, epoch_axis, new_figure

if TYPE_CHECKING:
    from ctsigprop.discrete.distances import Distances

WIDTH = 9.6
MOST_PANELS = 6


def distances_figure(found: Mapping[int, Sequence["Distances"]]) -> Figure:
    """Above, a panel an epoch: distances over places; below, margin and nearest targets of each place over epochs.

    Args:
        found: by epoch, places in the order that a sample passes them.
    """
    epochs = sorted(found)
    figure = new_figure(WIDTH, 6.0)
    above, below = figure.subfigures(2, 1, squeeze=False)[:, 0]
    panels = above.subplots(1, min(len(epochs), MOST_PANELS), sharey=True, squeeze=False)[0]
    for axes, epoch in zip(panels, _spread(epochs), strict=True):
        _by_place(axes, found[epoch])
        axes.set_title("before training" if epoch == 0 else f"after epoch {epoch}")
    panels[0].set_ylabel("cosine distance")
    panels[0].set_ylim(bottom=0)
    panels[0].legend(loc="lower left")
    margin, nearest = below.subplots(1, 2)
    marker = "o" if len(epochs) <= FEW_POINTS else ""
    for number, own in enumerate(zip(*(found[epoch] for epoch in epochs), strict=True)):
        colour = COLOURS[number % len(COLOURS)]
        margin.plot(epochs, [one.margin for one in own], color=colour, marker=marker, label=own[0].place)
        nearest.plot(epochs, [one.nearest for one in own], color=colour, marker=marker)
    for axes in (margin, nearest):
        epoch_axis(axes, len(epochs))
    margin.set_ylabel("distance to other classes,\nless distance to the own")
    nearest.set_ylabel("samples nearest to\ntheir own target (%)")
    nearest.set_ylim(0, 105)
    below.legend(*margin.get_legend_handles_labels(), loc="outside right upper")
    return figure


def _by_place(axes: Axes, points: Sequence["Distances"]) -> None:
    places = range(len(points))
    curves = {
        "same class": (BLUE, [(point.same, point.same_deviation) for point in points]),
        "other classes": (VERMILION, [(point.other, point.other_deviation) for point in points]),
    }
    for label, (colour, values) in curves.items():
        means = [mean for mean, _ in values]
        axes.plot(places, means, color=colour, marker="o", label=label)
        axes.fill_between(
            places,
            [mean - deviation for mean, deviation in values],
            [mean + deviation for mean, deviation in values],
            color=colour,
            alpha=0.15,
            linewidth=0,
        )
    axes.set_xticks(places, [point.place.removeprefix("layer ") for point in points])
    axes.set_xlabel("layer")


def _spread(epochs: Sequence[int]) -> list[int]:
    """No more epochs than there are panels: the first, the last, and others evenly between."""
    if len(epochs) <= MOST_PANELS:
        return list(epochs)
    return [epochs[round(number * (len(epochs) - 1) / (MOST_PANELS - 1))] for number in range(MOST_PANELS)]
