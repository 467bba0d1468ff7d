"""What a network for images has learned: weights of hidden units as images, test images with their output rates."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from numpy.typing import NDArray

from ctsigprop.analysis.plots.style import (
    BLUE,
    COLOURS,
    DIVERGING,
    MUTED,
    VERMILION,
    aspect_of,
    image_axis,
    new_figure,
)
from ctsigprop.continuous.connections import Conv, Dense, Link
from ctsigprop.continuous.network import Array, Network
from ctsigprop.continuous.trained import Trained
from ctsigprop.data import Split
from ctsigprop.data.dataset import picture_shape

UNITS = (2, 8)
SHOWN = 8
EVALUATED = 1000


def weights_figure(trained: Trained) -> Figure | None:
    """Units of the first hidden layer whose weights changed most, or kernels: their weights, what training added.

    None where no weights look at the image.
    """
    link = _input_link(trained.network)
    if link is None:
        return None
    before, weights = (_fields_of(network, trained.data.shape) for network in (trained.initial, trained.network))
    changes = weights - before
    rows, columns = UNITS
    largest = np.argsort(-np.linalg.norm(changes, axis=(1, 2)), kind="stable")[: rows * columns]
    figure = new_figure(6.4, 3.9)
    upper, lower = _halves(figure)
    what = "kernels" if isinstance(link.connection, Conv) else "units"
    title = f"weights from the image to {len(largest)} of the {len(weights)} {what} of layer {link.target}"
    _fields(upper, title, weights[largest], "weight")
    _fields(lower, "what training added to them", changes[largest], "change")
    return figure


def _input_link(network: Network) -> Link | None:
    links = (link for link in network.links() if link.source == 0)
    return next((link for link in links if isinstance(link.connection, Conv | Dense)), None)


def _fields_of(network: Network, shape: tuple[int, ...]) -> Array:
    """What each unit or kernel sees of an image, the mean over its channels, (units, height, width)."""
    link, layer = _input_link(network), network.layers[0]
    assert link is not None
    if isinstance(link.connection, Conv):
        return link.weight.mean(axis=-1)
    of_units = link.weight.T
    images = layer.images(of_units) if layer.shape else of_units.reshape(len(of_units), -1, *picture_shape(shape))
    return images.mean(axis=1)


def _fields(figure: SubFigure, title: str, fields: Array, quantity: str) -> None:
    """Images (units, height, width) on one scale of colours with zero in its middle."""
    figure.suptitle(title, x=0.01, ha="left", size=9)
    limit = float(np.quantile(np.abs(fields), 0.995)) or 1.0
    panels = figure.subplots(*UNITS)
    for axes in panels.flat:
        image_axis(axes)
    for axes, field in zip(panels.flat, fields, strict=False):
        shown = axes.imshow(field, cmap=DIVERGING, vmin=-limit, vmax=limit, aspect=aspect_of(field.shape))
    figure.colorbar(shown, ax=panels, label=quantity)


def predictions_figure(trained: Trained) -> Figure:
    """Test samples with what the network makes of them: classes and mistakes, or outputs against targets."""
    return _fits(trained) if trained.data.task == "regression" else _classes(trained)


def _classes(trained: Trained) -> Figure:
    """The first test images, and the first that the network gets wrong."""
    evaluated = trained.data.test.rows(slice(EVALUATED))
    states = trained.outputs(evaluated).states
    rates = trained.network.rhos[-1].rates(states)
    wrong = np.flatnonzero(states.argmax(axis=1) != evaluated.labels)
    figure = new_figure(1.15 * SHOWN, 4.6)
    first, mistakes = _halves(figure)
    title = "the first test images (blue: the label; red: another class, where it is more active)"
    _row_of(first, title, np.arange(len(evaluated))[:SHOWN], evaluated, rates)
    title = f"the first of {len(wrong)} mistakes among {len(evaluated):,} test images"
    _row_of(mistakes, title, wrong[:SHOWN], evaluated, rates)
    return figure


def _fits(trained: Trained) -> Figure:
    """Outputs of a regression against their targets, for test samples."""
    evaluated = trained.data.test.rows(slice(EVALUATED))
    outputs = trained.outputs(evaluated)
    figure = new_figure(4.4, 4.2)
    axes = figure.add_subplot()
    targets = evaluated.targets
    for unit in range(min(targets.shape[1], len(COLOURS))):
        axes.plot(targets[:, unit], outputs.states[:, unit], ".", markersize=3, color=COLOURS[unit], label=f"{unit}")
    axes.axline((0, 0), slope=1, color=MUTED, linewidth=0.9)
    axes.axis("square")  # one scale for both, so that the line of exact outputs is the diagonal
    axes.set_xlabel("target")
    axes.set_ylabel("output")
    axes.set_title(f"the first {len(evaluated):,} test samples")
    if targets.shape[1] > 1:
        axes.legend(title="output", markerscale=3)
    return figure


def _row_of(figure: SubFigure, title: str, samples: NDArray[np.int64], test: Split, rates: Array) -> None:
    """Images, and below each the rates of the output neurons: the label's in blue, a wrong winner's in red."""
    style: dict[str, Any] = {"cmap": "gray_r", "vmin": 0, "vmax": 1, "aspect": aspect_of(test.images.shape[1:])}
    figure.suptitle(title, x=0.01, ha="left", size=9)
    panels = figure.subplots(2, SHOWN, height_ratios=(1, 0.8), sharey="row", squeeze=False)
    for axes in panels.flat:
        axes.set_visible(False)
    panels[1, 0].set_ylim(rates[samples].min(initial=0), rates[samples].max(initial=1))
    for place, sample in enumerate(samples):
        image, bars = panels[:, place]
        image.set_visible(True)
        bars.set_visible(True)
        image_axis(image)
        image.imshow(test.picture(int(sample)), **style)
        label, winner = int(test.labels[sample]), int(rates[sample].argmax())
        image.set_title(f"{label}" if winner == label else f"{label}, taken for {winner}", size=8, loc="center")
        _bars(bars, rates[sample], label, winner, first=place == 0)


def _bars(axes: Axes, rates: Array, label: int, winner: int, *, first: bool) -> None:
    colours = [MUTED] * len(rates)
    colours[winner] = VERMILION
    colours[label] = BLUE
    axes.bar(range(len(rates)), rates, color=colours)
    axes.grid(visible=False)
    if len(rates) <= 10:
        axes.set_xticks(range(len(rates)))
    axes.tick_params(labelsize=6, length=0)
    if first:
        axes.set_ylabel("output rate", size=8)
        axes.set_xlabel("class", size=8)


def _halves(figure: Figure) -> tuple[SubFigure, SubFigure]:
    grid = figure.add_gridspec(2, 1, hspace=0.06)
    return figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
