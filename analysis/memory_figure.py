"""Peak memory of training on a batch against the number of layers."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from ctsigprop.analysis.style import COLOURS, new_figure

MIB = 2.0**-20


def memory_figure(depths: Sequence[int], found: Mapping[str, Sequence[int]]) -> Figure:
    """A line for each learning rule.

    Args:
        depths: numbers of hidden layers.
        found: bytes at each depth, by the rule's name.
    """
    figure = new_figure(4.6, 3.2)
    axes = figure.add_subplot()
    for colour, (rule, peaks) in zip(COLOURS, found.items(), strict=False):
        axes.plot(depths, [MIB * peak for peak in peaks], marker="o", color=colour, label=rule)
    axes.set_xlabel("hidden layers")
    axes.set_ylabel("peak memory of a batch (MiB)")
    axes.set_xticks(depths)
    axes.set_ylim(bottom=0)
    axes.legend()
    return figure
