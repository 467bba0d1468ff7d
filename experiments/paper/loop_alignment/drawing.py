"""One page: angles and errors against the loop's rate, the nudge, and what an update is made of."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ctsigprop.analysis.plots.curves import angle_label
from ctsigprop.analysis.plots.style import INK, MUTED, new_figure
from ctsigprop.experiments.paper.figure_4.drawing import OF_ANGLE
from ctsigprop.experiments.paper.loop_alignment.found import Point
from ctsigprop.experiments.paper.loop_alignment.plan import LOOP_RATE

SMALLEST = 0.5
"""Where a loop that is fixed stands on the axis of its rate."""


def page(found: Sequence[Point]) -> Figure:
    """Return the page: angles above, errors below."""
    figure = new_figure(11.0, 6.4)
    widths = list(dict.fromkeys(one.width for one in found))
    panels = figure.subplots(2, len(widths) + 2, squeeze=False)
    for place, width in enumerate(widths):
        line = [one for one in found if one.axis == "loop rate" and one.width == width]
        above, below = panels[0][place], panels[1][place]
        values = [float(one.value) or SMALLEST for one in line]
        _lines(above, below, line, values)
        above.set_title(f"width {width}")
        below.set_xlabel(f"loop's rate (times {LOOP_RATE:g})")
    nudged = [one for one in found if one.axis == "beta"]
    betas = [float(one.value) for one in nudged]
    above, below = panels[0][-2], panels[1][-2]
    _lines(above, below, nudged, betas)
    above.set_title(f"width {widths[0]}, a loop that learns")
    below.set_xlabel("beta")
    variants = [one for one in found if one.axis == "variant"]
    places = list(range(len(variants)))
    above, below = panels[0][-1], panels[1][-1]
    _angles(above, variants, places, joined=False)
    _errors(below, variants, places, joined=False)
    above.set_xticks([])
    above.set_title(f"width {widths[0]}, variants")
    below.set_xticks(places, [str(one.value) for one in variants], rotation=40, ha="right", fontsize=7)
    for axes in panels[0]:
        axes.set_ylim(20, 100)
        axes.axhline(90, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    panels[0][0].set_ylabel("angle (degrees)")
    panels[1][0].set_ylabel("error (%)")
    handles = [*panels[0][0].get_legend_handles_labels()[0], *panels[1][0].get_legend_handles_labels()[0]]
    figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=8)
    return figure


def _lines(above: Axes, below: Axes, line: Sequence[Point], values: Sequence[float]) -> None:
    """Draw angles above and errors below, over a logarithmic axis that has each value's name."""
    _angles(above, line, values)
    _errors(below, line, values)
    for axes in (above, below):
        axes.set_xscale("log")
        axes.set_xticks(values, [f"{one.value:g}" for one in line])
        axes.minorticks_off()


def _angles(axes: Axes, line: Sequence[Point], values: Sequence[float], *, joined: bool = True) -> None:
    """Draw matrices filled and with slopes hollow, each a mean over seeds with its standard error."""
    for angle, colour in OF_ANGLE.items():
        for words, hollow, of in (("matrices", False, "angles"), ("with slopes", True, "slopes")):
            means = [getattr(one, of)[angle] for one in line]
            axes.errorbar(
                values,
                [one.value for one in means],
                [one.error or 0.0 for one in means],
                color=colour,
                label=f"{angle_label(angle)}, {words}",
                marker="o",
                markersize=4,
                markerfacecolor="white" if hollow else colour,
                linestyle=("--" if hollow else "-") if joined else "none",
                capsize=2,
            )


def _errors(axes: Axes, line: Sequence[Point], values: Sequence[float], *, joined: bool = True) -> None:
    style = "-" if joined else "none"
    for words, colour, of in (("validation error", MUTED, "validation_error"), ("test error", INK, "test_error")):
        means = [getattr(one, of) for one in line]
        heights, bars = [one.value for one in means], [one.error or 0.0 for one in means]
        axes.errorbar(
            values, heights, bars, color=colour, label=words, marker="o", markersize=4, linestyle=style, capsize=2
        )
