"""Peak memory of training on a batch, against the number of layers or of steps of time."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ctsigprop.analysis.plots.style import COLOURS, new_figure

MIB = 2.0**-20


def memory_figure(depths: Sequence[int], found: Mapping[str, Sequence[int]]) -> Figure:
    """A line for each learning rule.

    Args:
        depths: numbers of hidden layers.
        found: bytes at each depth, by the rule's name.
    """
    figure = new_figure(4.6, 3.2)
    axes = figure.add_subplot()
    _draw(axes, depths, _mebibytes(found), "peak memory of a batch (MiB)")
    axes.set_xlabel("hidden layers")
    axes.legend()
    return figure


def steps_figure(
    steps: Sequence[int], found: Mapping[str, Sequence[int]], milliseconds: Mapping[str, Sequence[float]]
) -> Figure:
    """Memory and time against steps of time, beside each other, a line for each learning rule.

    Args:
        steps: numbers of steps of time.
        found: bytes at each number of steps, by the rule's name.
        milliseconds: likewise.
    """
    figure = new_figure(7.2, 3.2)
    memory, time = figure.subplots(1, 2)
    _draw(memory, steps, _mebibytes(found), "peak memory of a batch (MiB)")
    _draw(time, steps, milliseconds, "time of a batch (ms)")
    for axes in (memory, time):
        axes.set_xlabel("steps of time")
    memory.legend()
    return figure


def _draw(axes: Axes, places: Sequence[int], found: Mapping[str, Sequence[float]], label: str) -> None:
    """A line for each rule, from zero up, with a tick at each place."""
    for colour, (rule, values) in zip(COLOURS, found.items(), strict=False):
        axes.plot(places, values, marker="o", color=colour, label=rule)
    axes.set_ylabel(label)
    axes.set_xticks(places)
    axes.set_ylim(bottom=0)


def _mebibytes(found: Mapping[str, Sequence[int]]) -> dict[str, list[float]]:
    return {rule: [MIB * peak for peak in peaks] for rule, peaks in found.items()}
