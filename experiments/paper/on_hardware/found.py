"""What the runs say: means over seeds, and how much of each property a network bears."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import mean

from ctsigprop.experiments.paper.on_hardware.plan import ARCHITECTURES, AXES, Trial
from ctsigprop.experiments.paper.seeds import standard_error

BORNE = 1.0
"""Percentage points of test error, beyond two standard errors, that a device may cost."""


@dataclass(frozen=True)
class Outcome:
    """One run.

    Attributes:
        trial: what was asked.
        error: test error at the best validation error, percent.
        angle: mean over the angles of the last epoch, degrees; none where no way leads back by itself.
    """

    trial: Trial
    error: float
    angle: float | None


@dataclass(frozen=True)
class Point:
    """A value of an axis on one architecture, over seeds.

    Attributes:
        axis: its name; empty for the ideal device.
        value: of the axis.
        architecture: of the network.
        timed: whether its phases end after a time.
        errors: test errors by seed, percent.
        angles: mean angles by seed, degrees; none where no way leads back by itself.
    """

    axis: str
    value: float
    architecture: str
    timed: bool
    errors: tuple[float, ...]
    angles: tuple[float, ...]

    @property
    def error(self) -> float:
        """Mean test error, percent."""
        return mean(self.errors)

    @property
    def standard_error(self) -> float:
        """Of the mean test error; 0 of one seed."""
        return standard_error(self.errors) or 0.0


def points(outcomes: Sequence[Outcome]) -> list[Point]:
    """Return the outcomes of several seeds as one point each, in their order."""
    found: dict[tuple[str, float, str, bool], list[Outcome]] = {}
    for one in outcomes:
        trial = one.trial
        found.setdefault((trial.axis, trial.value, trial.architecture, trial.timed), []).append(one)
    made = []
    for (axis, value, architecture, timed), seeds in found.items():
        angles = tuple(one.angle for one in seeds if one.angle is not None)
        made.append(Point(axis, value, architecture, timed, tuple(one.error for one in seeds), angles))
    return made


def ideal(found: Sequence[Point], architecture: str, *, timed: bool) -> Point:
    """Return the point of the ideal device."""
    return next(one for one in found if one.architecture == architecture and not one.axis and one.timed == timed)


def borne(found: Sequence[Point]) -> dict[str, dict[str, float | None]]:
    """Return the harshest value of each axis up to which no value costs more than BORNE.

    A value is too harsh where its mean error is above the ideal device's by more than BORNE and two standard errors of
    the difference. The ideal device is the one whose phases rest.

    Returns:
        By axis and architecture; None where the mildest value is too harsh already.
    """
    said: dict[str, dict[str, float | None]] = {}
    for axis in AXES:
        for architecture in ARCHITECTURES:
            best = ideal(found, architecture, timed=False)
            last: float | None = None
            for one in (one for one in found if one.axis == axis.name and one.architecture == architecture):
                if _too_harsh(one, best):
                    break
                last = one.value
            said.setdefault(axis.name, {})[architecture] = last
    return said


def _too_harsh(one: Point, best: Point) -> bool:
    error = sqrt(one.standard_error**2 + best.standard_error**2)
    return one.error - best.error > BORNE + 2 * error
