"""Beside Fig. 4: how near each update comes to the exact gradient of the loss at the same equilibrium."""

from collections.abc import Mapping, Sequence
from typing import Literal

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from ctsigprop.analysis.plots.probe_curves import Curve, gapped, matrix_label, scale_comparison
from ctsigprop.analysis.plots.style import BLUE, GREEN, MUTED, ORANGE, PURPLE, new_figure
from ctsigprop.experiments.paper.figure_4.drawing import LEARNED, WIDTH, epochs_from_the_first
from ctsigprop.experiments.paper.figure_4.series import MeasuredRun

OF_MATRIX = {"W01": BLUE, "W12": PURPLE, "W23": ORANGE, "W31": GREEN}
Quantity = Literal["cosine", "norm_ratio"]
QUANTITIES: Mapping[Quantity, str] = {"cosine": "cosine", "norm_ratio": "norm of update / norm of gradient"}
DASHES = {None: "-", "loop": "--"}


def gradient_figure(runs: Sequence[MeasuredRun]) -> Figure:
    """Cosine and norm ratio between update and gradient by matrix, of the runs labelled learned and fixed-loop."""
    figure = new_figure(WIDTH, 3.0)
    panels = figure.subplots(1, 2)
    drawn = [run for run in runs if run.label in LEARNED]
    for axes, (quantity, label) in zip(panels, QUANTITIES.items(), strict=True):
        for run in drawn:
            for name, colour in OF_MATRIX.items():
                epochs, values = gradient_curve(run, name, quantity)
                axes.plot(epochs, values, color=colour, linestyle=DASHES[run.fixed])
        axes.set_xlabel("epoch")
        axes.set_ylabel(label)
    scale_comparison(panels)
    panels[1].yaxis.set_minor_locator(NullLocator())
    epochs_from_the_first(panels, max((run.rows[-1]["epoch"] for run in drawn), default=1))
    entries = [Line2D([], [], color=colour, label=matrix_label(name)) for name, colour in OF_MATRIX.items()]
    entries += [Line2D([], [], color=MUTED, ls=DASHES[run.fixed], label=run.label.replace("-", " ")) for run in drawn]
    figure.legend(handles=entries, loc="outside right upper")
    return figure


def gradient_curve(run: MeasuredRun, name: str, quantity: Quantity) -> Curve:
    """Epochs, and the cosine or norm_ratio of one matrix; a gap where it is not defined."""
    probed = [row for row in run.rows if "probe" in row]
    found = (row["probe"]["gradient"].get(name) for row in probed)
    return gapped(probed, (compared and compared[quantity] for compared in found))
