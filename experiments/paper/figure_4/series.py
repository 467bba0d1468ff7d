"""Fig. 4 of the paper as numbers: every angle of every run over training, and what random weights have.

The three angles of a network with two hidden layers and the loop, by three measures: of the matrices, one number at a
time; and, as a mean and a standard deviation over samples, of the signals (`ctsigprop.analysis.measures.alignment`) and
of the matrices with each sample's own slopes between them (`ctsigprop.analysis.measures.slope_angles`). The paper has
error bars, and does not say of what. W31, W23 and W12 are W3, W2 and W1 in the paper.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from ctsigprop.analysis.measures.alignment import mean_and_deviation
from ctsigprop.analysis.measures.angle import Angle, history_of
from ctsigprop.runs.rows import Measured, MetricsRow

Measure = Literal["matrices", "signals", "slopes"]
Probed = Literal["signals", "slopes"]

MEASURES: tuple[Measure, ...] = get_args(Measure)
PROBED: tuple[Probed, ...] = get_args(Probed)
LOOP = Angle("W31", ("W12", "W23")).name
SECOND = Angle("W23", ("W31", "W12")).name
FIRST = Angle("W12", ("W23", "W31")).name
ANGLES = (LOOP, SECOND, FIRST)


@dataclass(frozen=True)
class MeasuredRun:
    """One training run of the figure.

    Attributes:
        label: its name in the figure and its folder's.
        network: layer sizes, such as 784-1500-1500-10.
        seed: of its weights.
        fixed: the matrix that stays as it was drawn, or None where all learn.
        start: what was measured before the first update.
        trained: its metrics by epoch.
    """

    label: str
    network: str
    seed: int
    fixed: str | None
    start: Measured
    trained: Sequence[MetricsRow]

    @property
    def rows(self) -> Sequence[Measured]:
        """All that was measured, from before the first update on."""
        return [self.start, *self.trained]


@dataclass(frozen=True)
class Series:
    """One angle of one run over training.

    Attributes:
        run: label of the run.
        angle: one of ANGLES.
        measure: matrices, signals or slopes.
        epochs: when it was taken; within the first epoch in fractions.
        degrees: the angle, or its mean over samples.
        deviations: standard deviations over samples (degrees); none for matrices, which have one angle.
    """

    run: str
    angle: str
    measure: Measure
    epochs: tuple[float, ...]
    degrees: tuple[float, ...]
    deviations: tuple[float, ...] = ()

    @property
    def error_bar(self) -> float:
        """Standard deviation of the last point; 0 for matrices."""
        return self.deviations[-1] if self.deviations else 0.0


@dataclass(frozen=True)
class Random:
    """An angle of networks that were drawn and never trained.

    Attributes:
        network: layer sizes.
        angle: one of ANGLES.
        measure: matrices, signals or slopes.
        networks: how many were drawn.
        mean: in degrees.
        standard_deviation: in degrees, over networks; of signals and slopes, over networks and samples together.
    """

    network: str
    angle: str
    measure: Measure
    networks: int
    mean: float
    standard_deviation: float


def all_series(runs: Sequence[MeasuredRun]) -> list[Series]:
    """Return every angle of every run by all measures; a series that was never taken is left out."""
    series = [_series(run, angle, measure) for run in runs for measure in MEASURES for angle in ANGLES]
    return [one for one in series if one.epochs]


def by_angle(series: Sequence[Series], run: str, measure: Measure) -> dict[str, Series]:
    """Return a run's series of one measure, by angle; empty where one of the angles was never taken."""
    found = {one.angle: one for one in series if (one.run, one.measure) == (run, measure)}
    return {angle: found[angle] for angle in ANGLES} if found.keys() >= set(ANGLES) else {}


def random_weights(network: str, rows: Sequence[Measured]) -> list[Random]:
    """Return the mean and spread of the angles of untrained networks.

    Args:
        network: their layer sizes.
        rows: for each network, what a run measures.

    Returns:
        One for each angle and measure. The spread of signals and slopes counts all samples of all networks as one
        set: its variance is that of the means plus the mean of the variances.
    """
    found = []
    for angle in ANGLES:
        degrees = np.array([row["angles"][angle] for row in rows])
        found.append(Random(network, angle, "matrices", len(rows), float(degrees.mean()), float(degrees.std())))
        for measure in PROBED:
            taken = [one for _, *one in _probed(rows, angle, measure)]
            if taken:
                means, deviations = np.array(taken).T
                spread = float(np.sqrt(means.var() + (deviations**2).mean()))
                found.append(Random(network, angle, measure, len(taken), float(means.mean()), spread))
    return found


def _series(run: MeasuredRun, angle: str, measure: Measure) -> Series:
    return _of_matrices(run, angle) if measure == "matrices" else _of_samples(run, angle, measure)


def _of_matrices(run: MeasuredRun, angle: str) -> Series:
    taken = {epoch: angles[angle] for epoch, angles in history_of(run.rows).items() if angle in angles}
    epochs = tuple(sorted(taken))
    return Series(run.label, angle, "matrices", epochs, tuple(taken[epoch] for epoch in epochs))


def _of_samples(run: MeasuredRun, angle: str, measure: Probed) -> Series:
    taken = _probed(run.rows, angle, measure)
    epochs, means, deviations = zip(*taken, strict=True) if taken else ((), (), ())
    return Series(run.label, angle, measure, epochs, means, deviations)


def _probed(rows: Sequence[Measured], angle: str, measure: Probed) -> list[tuple[float, float, float]]:
    """Epoch, mean and deviation of an angle over samples, without the rows of which no sample has one."""
    taken = [(row["epoch"], row["probe"].get(measure)) for row in rows if "probe" in row]
    found = [(epoch, mean_and_deviation(angles[angle])) for epoch, angles in taken if angles]
    return [(epoch, *one) for epoch, one in found if one is not None]
