"""Small line charts of a run over its epochs, as coordinates for the page's SVG."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, log10
from typing import Any

from matplotlib.ticker import LogLocator, MaxNLocator

from ctsigprop.analysis.plots.limits import FEW_POINTS, WIDE_RANGE
from ctsigprop.runs.metrics import error_unit, is_number

Row = Mapping[str, Any]
Values = Mapping[str, Sequence[float | None]]
Tick = tuple[float, str]
Scale = Callable[[float], float]
Place = tuple[float, float] | None

WIDTH, HEIGHT = 340, 180
LEFT, RIGHT, TOP, BOTTOM = 38, 332, 8, 158
MOST_POINTS = 120
PARTS = ("test", "validation", "train")


@dataclass(frozen=True)
class Line:
    """One curve: its name, its last value in words, the SVG path of the line and, of few points, of their dots."""

    name: str
    last: str
    path: str
    dots: str


@dataclass(frozen=True)
class Chart:
    """A chart in a box of WIDTH by HEIGHT.

    Attributes:
        title: what is drawn, with its unit.
        lines: the curves.
        x_ticks: place and label of epochs.
        y_ticks: place and label of values.
        mark: place of the value that the curves are held against.
    """

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    mark: float | None


def charts(rows: Sequence[Row]) -> list[Chart]:
    """Errors, and what was logged of early exits, losses, angles, signals, gradients and loop gain."""
    if not rows:
        return []
    epochs = [row["epoch"] for row in rows]
    errors = {part: [row[f"{part}_error"] for row in rows] for part in PARTS}
    drawn = (
        chart(f"error ({error_unit(rows[0])})", epochs, errors, log=True),
        chart("validation error of the exits (%)", epochs, _by_name(map(_exits, rows)), log=True),
        chart("loss of each stage", epochs, _by_name([row.get("losses", {}) for row in rows])),
        chart("angle between matrices (degrees)", epochs, _by_name([row["angles"] for row in rows]), mark=90),
        chart("angle between signals (degrees, mean)", epochs, _by_name(map(_signals, rows)), mark=90),
        chart("cosine with the exact gradient", epochs, _by_name(map(_cosines, rows)), mark=1),
        chart("largest loop gain", epochs, {"loop gain": [row.get("loop_gain") for row in rows]}, mark=1),
    )
    return [found for found in drawn if found is not None]


def chart(
    title: str, epochs: Sequence[int], values: Values, *, log: bool = False, mark: float | None = None
) -> Chart | None:
    """Curves over epochs; a value that is None or not finite leaves a gap. None where nothing is left.

    Args:
        title: what is drawn, with its unit.
        epochs: ascending.
        values: by name, one an epoch.
        log: use a log axis where the values span a wide range; what is not positive is then drawn at its foot.
        mark: a value to hold them against, on a linear axis.
    """
    finite = {name: [_finite(value) for value in line] for name, line in values.items()}
    curves = {name: line for name, line in finite.items() if any(value is not None for value in line)}
    every = [value for line in curves.values() for value in line if value is not None]
    if not every:
        return None
    positive = [value for value in every if value > 0]
    if log and positive and max(positive) > WIDE_RANGE * min(positive):
        y, y_ticks = _log_axis(min(positive), max(positive))
    else:
        limits = every if mark is None else [*every, mark]
        y, y_ticks = _linear_axis(min(0.0, *limits), max(limits))
    x = _between(epochs[0], epochs[-1], LEFT, RIGHT)
    places = {
        name: _thinned(
            [None if value is None else (x(epoch), y(value)) for epoch, value in zip(epochs, line, strict=True)]
        )
        for name, line in curves.items()
    }
    few = len(epochs) <= FEW_POINTS
    lines = (Line(name, _last(curves[name]), _path(at), _dots(at) if few else "") for name, at in places.items())
    whole = MaxNLocator(5, integer=True).tick_values(epochs[0], epochs[-1])
    x_ticks = tuple((x(tick), f"{tick:g}") for tick in whole if epochs[0] <= tick <= epochs[-1])
    return Chart(title, tuple(lines), x_ticks, y_ticks, None if mark is None else y(mark))


def _linear_axis(low: float, high: float) -> tuple[Scale, tuple[Tick, ...]]:
    ticks = [float(tick) for tick in MaxNLocator(4).tick_values(low, high)]
    y = _between(ticks[0], ticks[-1], BOTTOM, TOP)
    return y, tuple((y(tick), f"{tick:g}") for tick in ticks)


def _log_axis(low: float, high: float) -> tuple[Scale, tuple[Tick, ...]]:
    exponent = _between(log10(low), log10(high), BOTTOM, TOP)

    def y(value: float) -> float:
        return exponent(log10(max(value, low)))

    ticks = [float(tick) for tick in LogLocator(subs=(1, 3)).tick_values(low, high) if low <= tick <= high]
    return y, tuple((y(tick), f"{tick:g}") for tick in ticks)


def _between(low: float, high: float, start: float, end: float) -> Scale:
    """Straight from [low, high] to [start, end]; the middle where there is but one value."""
    if high == low:
        return lambda value: (start + end) / 2
    return lambda value: round(start + (value - low) / (high - low) * (end - start), 1)


def _thinned(items: list[Place]) -> list[Place]:
    """Evenly spread ones, no more than MOST_POINTS and the last."""
    step = ceil(len(items) / MOST_POINTS)
    return items[:-1:step] + items[-1:]


def _path(places: Sequence[Place]) -> str:
    """Joins neighbours, and lifts the pen at a gap."""
    steps, pen = [], "M"
    for place in places:
        if place is not None:
            steps.append(f"{pen}{place[0]:g} {place[1]:g}")
        pen = "M" if place is None else "L"
    return "".join(steps)


def _dots(places: Sequence[Place]) -> str:
    return "".join(f"M{place[0]:g} {place[1]:g}h0" for place in places if place is not None)


def _last(line: Sequence[float | None]) -> str:
    return next(f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}" for value in reversed(line) if value is not None)


def _finite(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and is_number(value) else None


def _by_name(rows: Iterable[Mapping[str, Any]]) -> dict[str, list[float | None]]:
    """Rows of {name: value} as one list a name; None where a row lacks it."""
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row)
    return {str(name): [row.get(name) for row in listed] for name in names}


def _exits(row: Row) -> dict[str, Any]:
    return {name: errors.get("validation_error") for name, errors in row.get("exits", {}).items()}


def _signals(row: Row) -> dict[str, Any]:
    return {name: found.get("mean") for name, found in _probed(row, "signals").items()}


def _cosines(row: Row) -> dict[str, Any]:
    return {name: found.get("cosine") for name, found in _probed(row, "gradient").items()}


def _probed(row: Row, what: str) -> dict[str, Any]:
    return (row.get("probe") or {}).get(what) or {}
