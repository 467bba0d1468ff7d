"""How every figure looks: one set of colours, one set of defaults, one way to disk."""

from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.ticker import MaxNLocator

from ctsigprop.analysis.plots.limits import FEW_POINTS
from ctsigprop.core.files import atomic
from ctsigprop.errors import InputError

# Okabe & Ito (2008): told apart with every common kind of colour blindness, and in grey by most.
BLUE, VERMILION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
COLOURS = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY)
INK, MUTED, FAINT = "#262626", "#8a8a8a", "#d9d9d9"

DIVERGING = "RdBu_r"

KINDS = ("png", "pdf", "svg")

_DEFAULTS: dict[Any, Any] = {
    "axes.edgecolor": MUTED,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "font.size": 9,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.6,
    "lines.markersize": 3.5,
    "savefig.dpi": 160,
    "text.color": INK,
    "xtick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.color": MUTED,
    "ytick.labelcolor": INK,
}


def styled() -> AbstractContextManager[None]:
    """A block in which figures are made and saved in this style; the user's own defaults return after it."""
    return rc_context(_DEFAULTS)


class ShownFigure(Figure):
    """A figure that a notebook shows as it would be saved, without pyplot."""

    def _repr_png_(self) -> bytes:
        return png_of(self)


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, size in inches, that makes room for its labels."""
    return ShownFigure(figsize=(width, height), layout="constrained")


def epoch_axis(axes: Axes, epochs: int) -> str:
    """Labels the horizontal axis and returns the marker for a curve of so many points."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    return "o" if epochs <= FEW_POINTS else ""


def image_axis(axes: Axes) -> None:
    """Takes ticks, grid and frame away."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def aspect_of(shape: tuple[int, ...]) -> Literal["equal", "auto"]:
    """How a sample is drawn: an image in its proportions, a strip of features as large as there is room."""
    return "equal" if len(shape) > 1 and shape[-2] > 1 else "auto"


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG, PDF or SVG, as the path ends, whole or not at all.

    Raises:
        InputError: the path ends otherwise.
        RunFailure: the folder cannot be written.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in KINDS:
        raise InputError(f"{path}: a figure ends in .{', .'.join(KINDS)}: give it one of these suffixes")
    with atomic(path) as file:
        figure.savefig(file, format=kind)
    return path


def png_of(figure: Figure) -> bytes:
    """A figure as the bytes of a PNG."""
    content = BytesIO()
    with styled():
        figure.savefig(content, format="png")
    return content.getvalue()
