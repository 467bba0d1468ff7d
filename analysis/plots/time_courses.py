"""A figure of one sample's time course: rates layer by layer, residual, energy, the moment of nudging."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from ctsigprop.analysis.measures.time_courses import TimeCourses
from ctsigprop.analysis.plots.style import BLUE, COLOURS, INK, MUTED, SKY, VERMILION, aspect_of, image_axis, new_figure
from ctsigprop.continuous.network import Array

NEURONS = 6
HEADER, PANEL = 0.95, 1.4  # inches
DASHED = (0, (4, 3))


@dataclass(frozen=True, eq=False)
class Shown:
    """A sample as the figure introduces it.

    Attributes:
        image: pixels from 0 to 1, (height, width, channels).
        label: its class; None in a regression.
        caption: what stands beside the image.
        targets: of the outputs in a regression, (outputs,).
    """

    image: Array
    label: int | None
    caption: str
    targets: Array | None = None


def time_course_figure(
    courses: TimeCourses, rates: Sequence[Array], place: int, shown: Shown, *, beta: float, tolerance: float
) -> Figure:
    """Draws both phases of one sample on one axis of time; to be called inside `styled()`.

    Args:
        courses: of a batch.
        rates: of layers 1 to N at the times of the courses, each (2 points, samples, units).
        place: of the sample in the batch.
        shown: the sample.
        beta: nudging strength of the clamped phase.
        tolerance: the largest residual at rest.
    """
    own = [layer[:, place] for layer in rates]
    count = len(own) + 1 + (courses.free.energy is not None)
    figure = new_figure(7.4, HEADER + PANEL * count)
    grid = figure.add_gridspec(2, 1, height_ratios=(HEADER, PANEL * count))
    header, body = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    picture = header.add_axes((0.02, 0.08, 0.84 * HEADER / 7.4, 0.84))
    image_axis(picture)
    picture.imshow(shown.image, cmap="gray_r", vmin=0, vmax=1, aspect=aspect_of(shown.image.shape[:2]))
    header.text(0.16, 0.5, shown.caption, va="center", size=9)

    panels = body.subplots(count, 1, sharex=True)
    if shown.label is not None:
        _classes(panels[0], courses, own[-1], shown.label)
    elif shown.targets is not None:
        _numbers(panels[0], courses, own[-1], shown.targets)
    panels[0].set_ylabel("output rates")
    for layer, (axes, hidden) in enumerate(zip(panels[1:], own[:-1], strict=False), start=1):
        _hidden(axes, courses, hidden, layer)
    _residual(panels[len(own)], courses, place, tolerance)
    if courses.free.energy is not None:
        _energy(panels[-1], courses, place)
    for axes in panels:
        axes.axvline(courses.nudged, color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), handlelength=1.4)
    panels[0].set_title("free phase")
    panels[0].set_title(f"clamped phase, beta = {beta:g}", loc="right")
    panels[-1].set_xlim(0, courses.times[-1])
    panels[-1].set_xlabel("time (dimensionless)")
    return figure


def _numbers(axes: Axes, courses: TimeCourses, rates: Array, targets: Array) -> None:
    """The first outputs of a regression with their targets."""
    for place, target in enumerate(targets[: len(COLOURS)]):
        colour = COLOURS[place]
        axes.plot(courses.times, rates[:, place], color=colour, label=f"output {place}")
        axes.hlines(target, courses.nudged, courses.times[-1], color=colour, linestyle=DASHED, linewidth=0.9)


def _classes(axes: Axes, courses: TimeCourses, rates: Array, label: int) -> None:
    """The label's output with its target 1, and its strongest rival among the others, whose target is 0."""
    peaks = rates.max(axis=0)
    peaks[label] = -np.inf
    rival = int(peaks.argmax())
    others = np.delete(rates, [label, rival], axis=1)
    if others.size:
        axes.plot(
            courses.times, others, color=MUTED, linewidth=0.8, label=["other classes", *[None] * (others.shape[1] - 1)]
        )
    axes.plot(courses.times, rates[:, rival], color=VERMILION, label=f"class {rival}")
    axes.plot(courses.times, rates[:, label], color=BLUE, label=f"class {label}, the label")
    axes.hlines(1, courses.nudged, courses.times[-1], color=BLUE, linestyle=DASHED, linewidth=0.9, label="its target")


def _hidden(axes: Axes, courses: TimeCourses, rates: Array, layer: int) -> None:
    """The mean of a layer, and the neurons that clamping moves most."""
    shift = np.abs(rates[-1] - rates[len(courses.free.times) - 1])
    moved = np.argsort(-shift, kind="stable")[:NEURONS]
    which = f"the {len(moved)} neurons that\nclamping moves most" if shift.any() else f"{len(moved)} of the neurons"
    labels = [which, *[None] * (len(moved) - 1)]
    axes.plot(courses.times, rates[:, moved], color=SKY, linewidth=0.9, label=labels)
    axes.plot(courses.times, rates.mean(axis=1), color=INK, label=f"mean of {rates.shape[1]} neurons")
    axes.set_ylabel(f"layer {layer} rates")


def _residual(axes: Axes, courses: TimeCourses, place: int, tolerance: float) -> None:
    axes.plot(courses.times, courses.residual[:, place], color=INK, label="residual")
    axes.axhline(tolerance, color=MUTED, linestyle=DASHED, linewidth=0.9, label="tolerance")
    axes.set_yscale("log", nonpositive="mask")
    axes.set_ylabel("relative residual")


def _energy(axes: Axes, courses: TimeCourses, place: int) -> None:
    """How far the energy is above the end of each phase; what rounding hides is left out."""
    for course, begin, colour, name in (
        (courses.free, 0.0, BLUE, "E above its end"),
        (courses.clamped, courses.nudged, VERMILION, "E + beta C\nabove its end"),
    ):
        assert course.energy is not None
        axes.plot(begin + course.times, _above_end(course.energy[:, place]), color=colour, label=name)
    axes.set_yscale("log", nonpositive="mask")
    axes.set_ylabel("energy")


def _above_end(energy: Array) -> NDArray[np.float64]:
    above = energy.astype(np.float64) - energy[-1]
    resolution = 4 * np.finfo(energy.dtype).eps * np.abs(energy).max()
    return np.where(above > resolution, above, np.nan)
