"""Test errors of several models as bars beside the paper's."""

from collections.abc import Mapping

from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from ctsigprop.analysis.plots.style import BLUE, FAINT, INK, new_figure

WIDTH = 0.38
FLOOR = 0.6  # the axis begins at this fraction of the smallest error


def error_bars(panels: Mapping[str, Mapping[str, tuple[float | None, float | None]]]) -> Figure:
    """A panel a dataset, in it a pair of bars a model, on one logarithmic axis.

    Args:
        panels: by dataset and model, test errors in percent: measured, and the paper's, where there is one.
    """
    figure = new_figure(4.6 * len(panels), 3.2)
    all_axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for axes, (dataset, models) in zip(all_axes, panels.items(), strict=True):
        for side, (label, colour) in enumerate({"measured": BLUE, "paper": FAINT}.items()):
            known = {place: pair[side] for place, pair in enumerate(models.values()) if pair[side] is not None}
            places = [place + (side - 0.5) * WIDTH for place in known]
            bars = axes.bar(places, list(known.values()), WIDTH, color=colour, label=label)
            axes.bar_label(bars, fmt="%.2f", fontsize=8, color=INK, padding=1)
        axes.set_xticks(range(len(models)), list(models))
        axes.set_title(dataset)
        axes.set_axisbelow(True)
        axes.grid(visible=False, axis="x")
    errors = [error for models in panels.values() for pair in models.values() for error in pair if error]
    first = all_axes[0]
    first.set_yscale("log")
    first.set_ylim(FLOOR * min(errors, default=1), max(errors, default=1) / FLOOR)
    first.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    first.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    first.yaxis.set_minor_formatter(NullFormatter())
    first.set_ylabel("test error (%)")
    figure.legend(*first.get_legend_handles_labels(), loc="outside right upper")
    return figure
