"""Figures of spiking neurons: membranes and rasters of one sample, and how often each layer fires."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from ctsigprop.analysis.plots.style import BLUE, COLOURS, INK, MUTED, VERMILION, aspect_of, image_axis, new_figure

Array = NDArray[np.float32]

TRACES, ROWS = 5, 60
WIDTH, HEADER, PANEL = 8.6, 1.05, 1.75  # inches
DASHED = (0, (4, 3))


@dataclass(frozen=True, eq=False)
class LayerCourse:
    """What one layer's neurons did on one sample.

    Attributes:
        layer: its name.
        threshold: at which a neuron spikes.
        membrane: potentials before the reset, shape (steps, neurons).
        reset: potentials after it, of the same shape.
        spikes: 0 or 1, of the same shape.
    """

    layer: str
    threshold: float
    membrane: Array
    reset: Array
    spikes: Array


@dataclass(frozen=True, eq=False)
class SampleCourse:
    """One sample in a network of spiking neurons.

    Attributes:
        image: pixels from 0 to 1, (height, width, channels).
        label: its class; None where it is not known.
        caption: what stands beside the image.
        layers: from the input side.
        outputs: of the classification layer, shape (steps, classes).
    """

    image: NDArray[np.float64]
    label: int | None
    caption: str
    layers: Sequence[LayerCourse]
    outputs: Array


def sample_figure(sample: SampleCourse) -> Figure:
    """A row a layer, membranes beside its raster, then outputs beside rates; to be called inside `styled()`."""
    count, steps = len(sample.layers) + 1, len(sample.outputs)
    figure = new_figure(WIDTH, HEADER + PANEL * count)
    grid = figure.add_gridspec(2, 1, height_ratios=(HEADER, PANEL * count))
    header, body = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    picture = header.add_axes((0.02, 0.08, 0.84 * HEADER / WIDTH, 0.84))
    image_axis(picture)
    picture.imshow(sample.image, cmap="gray_r", vmin=0, vmax=1, aspect=aspect_of(sample.image.shape[:2]))
    header.text(0.16, 0.5, sample.caption, va="center", size=9)

    panels = body.subplots(count, 2, squeeze=False)
    for (left, right), course in zip(panels, sample.layers, strict=False):
        _membranes(left, course)
        _raster(right, course)
    _outputs(panels[-1, 0], sample.outputs, sample.label)
    _rates(panels[-1, 1], sample.layers)
    for axes in panels.flat:
        axes.set_xlim(0, steps + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in panels[-1]:
        axes.set_xlabel("time step")
    return figure


def chosen_neurons(course: LayerCourse) -> list[int]:
    """Neurons that spike differently often, the most often first: one for each number of spikes, five at most.

    Of neurons that spike as often, the one whose potentials are nearest to the threshold.
    """
    counts = course.spikes.sum(axis=0)
    distance = np.abs(course.membrane - course.threshold).mean(axis=0)
    nearest = np.argsort(distance, kind="stable")
    numbers, first = np.unique(counts[nearest], return_index=True)
    places = np.unique(np.linspace(0, len(numbers) - 1, TRACES).round().astype(int))
    return [int(nearest[first[place]]) for place in places[::-1]]


def _membranes(axes: Axes, course: LayerCourse) -> None:
    """Potentials that rise or fall over a step and are reset at its end where the neuron spikes, which a dot marks."""
    steps = np.arange(len(course.spikes) + 1)
    times = np.repeat(steps, 2)[1:]
    for colour, neuron in zip(COLOURS, chosen_neurons(course), strict=False):
        before, after, spikes = (each[:, neuron] for each in (course.membrane, course.reset, course.spikes))
        number = int(spikes.sum())
        trace = np.concatenate([[0.0], np.column_stack([before, after]).ravel()])
        label = f"{number} spike{'' if number == 1 else 's'}"
        axes.plot(times, trace, color=colour, linewidth=1.1, label=label)
        fired = np.flatnonzero(spikes)
        axes.plot(steps[1:][fired], before[fired], "o", color=colour)
    axes.axhline(course.threshold, color=MUTED, linestyle=DASHED, linewidth=0.9, label="threshold")
    axes.set_ylabel(f"{course.layer}\nmembrane")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), handlelength=1.2)


def _raster(axes: Axes, course: LayerCourse) -> None:
    """A mark a spike; of many neurons, some evenly among them."""
    neurons = course.spikes.shape[1]
    shown = np.unique(np.linspace(0, neurons - 1, min(neurons, ROWS)).round().astype(int))
    steps, rows = np.nonzero(course.spikes[:, shown])
    axes.hlines(rows + 1, steps + 0.65, steps + 1.35, color=INK, linewidth=1.3)
    axes.set_ylim(0, len(shown) + 1)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    axes.set_ylabel("neurons" if len(shown) == neurons else f"{len(shown)} of the\n{neurons} neurons")
    axes.grid(axis="y", visible=False)


def _outputs(axes: Axes, outputs: Array, label: int | None) -> None:
    """The mean of the outputs so far: at its end, the prediction."""
    steps = np.arange(1, len(outputs) + 1)
    means = np.cumsum(outputs, axis=0) / steps[:, np.newaxis]
    order = [int(one) for one in np.argsort(-means[-1], kind="stable")]
    named = [order[0]] if label is None or label == order[0] else [label, order[0]]
    if label == order[0] and len(order) > 1:
        named.append(order[1])
    others = [one for one in order if one not in named]
    axes.plot(steps, means[:, others], color=MUTED, linewidth=0.8, label=["others", *[None] * (len(others) - 1)])
    for colour, one in zip((BLUE, VERMILION), named, strict=False):
        role = ", label" if one == label else ""
        axes.plot(steps, means[:, one], color=colour, marker="o", label=f"class {one}{role}")
    axes.set_ylabel("output,\nmean so far")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), handlelength=1.2)


def _rates(axes: Axes, layers: Sequence[LayerCourse]) -> None:
    """Share of each layer's neurons that spike in each step."""
    for colour, course in zip(COLOURS, layers, strict=False):
        shares = course.spikes.mean(axis=1)
        axes.plot(np.arange(1, len(shares) + 1), 100 * shares, color=colour, marker="o", label=course.layer)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("neurons that\nspike (%)")
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), handlelength=1.2)
