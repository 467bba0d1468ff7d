"""One page: test error, and angles, against each property of the device."""

from collections.abc import Sequence
from statistics import mean, stdev
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ctsigprop.analysis.plots.style import COLOURS, new_figure
from ctsigprop.experiments.paper.on_hardware.found import Point, ideal
from ctsigprop.experiments.paper.on_hardware.plan import ARCHITECTURES, AXES

COLUMNS = 4
WIDTH = 34  # characters of a label's line


def page(found: Sequence[Point]) -> Figure:
    """Return the page: two rows of panels for the errors, and two for the angles."""
    rows = -(-len(AXES) // COLUMNS)
    figure = new_figure(3.0 * COLUMNS, 2.5 * 2 * rows)
    panels = figure.subplots(2 * rows, COLUMNS, squeeze=False)
    for place, axis in enumerate(AXES):
        row, column = divmod(place, COLUMNS)
        both = panels[row][column], panels[rows + row][column]
        for axes, angles in zip(both, (False, True), strict=True):
            for colour, (architecture, words) in zip(COLOURS, ARCHITECTURES.items(), strict=False):
                line = [one for one in found if one.axis == axis.name and one.architecture == architecture]
                if angles and architecture == "symmetric_ep":
                    continue  # the way back is the way there
                _draw(axes, line, colour, words, angles=angles)
                if not angles:
                    best = ideal(found, architecture, timed=axis.timed)
                    axes.axhline(best.error, color=colour, linewidth=0.9, linestyle=":")
            axes.set_xlabel(fill(axis.name, WIDTH), fontsize=7.5)
            axes.set_xscale("log", base=2)
            axes.set_xticks(axis.values, [f"{value:g}" for value in axis.values])
            axes.minorticks_off()
            if axis.values[0] > axis.values[-1]:
                axes.invert_xaxis()
            if column == 0:
                axes.set_ylabel("mean angle (degrees)" if angles else "test error (%)")
            if not angles:
                axes.set_yscale("log")
                axes.set_yticks([2, 5, 10, 20, 50, 90], ["2", "5", "10", "20", "50", "90"])
                axes.set_ylim(1.5, 100)
    figure.legend(*panels[0][0].get_legend_handles_labels(), loc="outside upper center", ncols=len(ARCHITECTURES))
    return figure


def _draw(axes: Axes, line: Sequence[Point], colour: str, words: str, *, angles: bool) -> None:
    """Draw means over seeds with their standard deviations."""
    shown = [(one.value, one.angles if angles else one.errors) for one in line]
    shown = [(value, seeds) for value, seeds in shown if seeds]
    if not shown:
        return
    values, means = [value for value, _ in shown], [mean(seeds) for _, seeds in shown]
    spread = [stdev(seeds) if len(seeds) > 1 else 0.0 for _, seeds in shown]
    axes.errorbar(values, means, spread, color=colour, label=words, marker="o", capsize=2)
