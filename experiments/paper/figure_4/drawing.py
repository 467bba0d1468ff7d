"""Fig. 4 drawn: two rows of three panels, as in the paper."""

from collections.abc import Iterable, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullLocator

from ctsigprop.analysis.plots.curves import angle_label
from ctsigprop.analysis.plots.style import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, VERMILION, new_figure
from ctsigprop.experiments.paper.figure_4.series import (
    ANGLES,
    FIRST,
    LOOP,
    SECOND,
    MeasuredRun,
    Probed,
    Random,
    Series,
)

LEARNED = {"learned": BLUE, "fixed-loop": VERMILION}
LAYERS = {"fixed-loop": "$W_{31}$ (the loop) fixed", "fixed-W23": "$W_{23}$ fixed", "fixed-W12": "$W_{12}$ fixed"}
OF_ANGLE = {LOOP: GREEN, SECOND: ORANGE, FIRST: PURPLE}
WIDTH = 7.2  # inches: two columns of the paper
TICKS = (0, 1, 3, 10, 30, 100)
BARS = (0, 1, 2, 3, 5, 8, 13, 20, 30, 50, 80)
BANDS = {"signals": "#ececec", "slopes": "#ececec", "matrices": "#c4c4c4"}
OVER_SAMPLES = {"signals": "of the signals", "slopes": "with each sample's slopes"}


def angles_figure(runs: Sequence[MeasuredRun], series: Sequence[Series], random: Sequence[Random]) -> Figure:
    """Draw the angles of finished runs: matrices as lines, and means with bars of one SD over samples.

    The bars are of matrices with each sample's slopes; of runs from before there were any, of signals.

    Row Learned: a panel an angle, the run labelled learned against fixed-loop; runs of another width or seed whose loop
    is learned or fixed are thin lines. Row Layers: a panel for each matrix that is fixed.
    """
    figure = new_figure(WIDTH, 5.4)
    barred: Probed = "slopes" if any(one.measure == "slopes" for one in series) else "signals"
    panels = figure.subplots(2, 3, sharex=True, sharey=True)
    network = {run.label: run.network for run in runs}
    thin = [run for run in runs if run.label not in LEARNED and run.fixed in (None, "loop")]
    bands = [one for one in random if one.network == network.get("learned") and one.measure in ("matrices", barred)]
    for axes, angle in zip(panels[0], ANGLES, strict=True):
        _band(axes, [one for one in bands if one.angle == angle])
        for run in thin:
            colour = LEARNED["fixed-loop" if run.fixed else "learned"]
            _lines(axes, _of(series, run.label, angle, "matrices"), colour, linewidth=0.7, alpha=0.6)
        for place, (label, colour) in enumerate(LEARNED.items()):
            _lines(axes, _of(series, label, angle, "matrices"), colour)
            _bars(axes, _of(series, label, angle, barred), colour, place)
        axes.set_title(angle_label(angle))
    for axes, (label, title) in zip(panels[1], LAYERS.items(), strict=True):
        _band(axes, bands)
        for place, (angle, colour) in enumerate(OF_ANGLE.items()):
            _lines(axes, _of(series, label, angle, "matrices"), colour)
            _bars(axes, _of(series, label, angle, barred), colour, place)
        if label not in network:
            axes.text(0.5, 0.4, "not trained yet", transform=axes.transAxes, ha="center", color=MUTED)
        axes.set_title(title)
    for axes in panels[1]:
        axes.set_xlabel("epoch")
    panels[0, 0].set_ylabel("Learned\nangle (degrees)")
    panels[1, 0].set_ylabel("Layers\nangle (degrees)")
    panels[0, 0].set_ylim(0, 118)
    panels[0, 0].set_yticks(range(0, 91, 30))
    epochs_from_the_first(panels.flat, max((one.epochs[-1] for one in series), default=1))
    _legend(figure, thin, barred)
    return figure


def epochs_from_the_first(panels: Iterable[Axes], last: float) -> None:
    """Put epochs on an axis that is linear up to 1 and logarithmic after it: most of the change is in the first."""
    for axes in panels:
        axes.set_xscale("symlog", linthresh=1, linscale=1)
        axes.set_xlim(-0.08, 1.15 * last)
        axes.xaxis.set_major_locator(FixedLocator([tick for tick in TICKS if tick <= last]))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter("{x:g}")


def _of(series: Sequence[Series], run: str, angle: str, measure: str) -> list[Series]:
    """Return the series, or none where it was not taken."""
    return [one for one in series if (one.run, one.angle, one.measure) == (run, angle, measure)]


def _band(axes: Axes, random: Sequence[Random]) -> None:
    """90 degrees, and one SD of random weights on both sides of their mean: of several angles, the widest."""
    for measure, colour in BANDS.items():
        spreads = [one for one in random if one.measure == measure]
        if spreads:
            widest = max(spreads, key=lambda one: one.standard_deviation)
            low, high = widest.mean - widest.standard_deviation, widest.mean + widest.standard_deviation
            axes.axhspan(low, high, color=colour, linewidth=0, zorder=0)
    axes.axhline(90, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)


def _lines(axes: Axes, series: Iterable[Series], colour: str, *, linewidth: float = 1.5, alpha: float = 1.0) -> None:
    for one in series:
        axes.plot(one.epochs, one.degrees, color=colour, linewidth=linewidth, alpha=alpha)


def _bars(axes: Axes, series: Iterable[Series], colour: str, place: int) -> None:
    """Some of the epochs and the last, each curve a little to the right of the one before."""
    for one in series:
        points = zip(one.epochs, one.degrees, one.deviations, strict=True)
        kept = [point for point in points if point[0] in BARS or point[0] == one.epochs[-1]]
        epochs, degrees, deviations = zip(*kept, strict=True)
        beside = [epoch * (1 + 0.05 * place) + 0.02 * place for epoch in epochs]
        style: dict[str, Any] = {"markersize": 3, "capsize": 1.5, "elinewidth": 0.8, "linewidth": 0.8}
        axes.errorbar(beside, degrees, deviations, color=colour, fmt="o:", **style)


def _legend(figure: Figure, thin: Sequence[MeasuredRun], barred: Probed) -> None:
    runs = [Line2D([], [], color=colour, label=label.replace("-", " ")) for label, colour in LEARNED.items()]
    runs += [Line2D([], [], color=MUTED, linewidth=0.7, label=name) for name in dict.fromkeys(r.network for r in thin)]
    angles = [Line2D([], [], color=colour, label=angle_label(angle)) for angle, colour in OF_ANGLE.items()]
    measures: list[Artist] = [
        Line2D([], [], color=INK, label="angle of the matrices"),
        Line2D(
            [],
            [],
            color=INK,
            marker="o",
            linestyle=":",
            linewidth=0.8,
            label=f"{OVER_SAMPLES[barred]}: mean and SD over samples",
        ),
        *(Patch(color=BANDS[measure], label=f"random weights, {measure}") for measure in ("matrices", barred)),
    ]
    handles = [*measures, *runs, *angles]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, fontsize=8, handlelength=1.8)
