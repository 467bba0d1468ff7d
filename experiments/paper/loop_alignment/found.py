"""What the runs say, as means over seeds with their standard errors."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

import numpy as np

from ctsigprop.analysis.measures.alignment import mean_and_deviation
from ctsigprop.experiments.paper.figure_4.series import ANGLES, LOOP
from ctsigprop.experiments.paper.loop_alignment.plan import Trial
from ctsigprop.experiments.paper.seeds import standard_error
from ctsigprop.runs.metrics import best_row
from ctsigprop.runs.rows import MetricsRow

LAST = 3
"""Epochs at the end of a run over which its errors are averaged."""


@dataclass(frozen=True)
class Mean:
    """Of several seeds.

    Attributes:
        value: their mean.
        error: its standard error; none of one seed.
    """

    value: float
    error: float | None

    @classmethod
    def of(cls, seeds: Sequence[float]) -> "Mean":
        """Return the mean of some numbers."""
        return cls(mean(seeds), standard_error(seeds))

    def __str__(self) -> str:
        """Such as "53.7 ± 0.4"."""
        return self.text(1)

    def text(self, digits: int) -> str:
        """Return it with so many digits after the decimal point."""
        return f"{self.value:.{digits}f}" + ("" if self.error is None else f" ± {self.error:.{digits}f}")


@dataclass(frozen=True)
class Point:
    """A cell of the comparison, over seeds.

    Attributes:
        axis: loop rate, beta or variant.
        value: the factor on the loop's rate, beta, or the variant in words.
        width: of both hidden layers.
        seeds: how many.
        angles: of matrices after the last epoch, degrees, by name.
        slopes: means over samples with each sample's slopes, likewise.
        signals: means over samples of the signals, likewise, of the seeds in which the nudge moves a sample.
        moved: |W31 - W_0| / |W_0| after the last epoch.
        validation_error: mean of the last epochs, percent.
        test_error: after the best epoch by validation, percent.
    """

    axis: str
    value: float | str
    width: int
    seeds: int
    angles: dict[str, Mean]
    slopes: dict[str, Mean]
    signals: dict[str, Mean]
    moved: Mean
    validation_error: Mean
    test_error: Mean


def points(runs: Sequence[tuple[Trial, Sequence[MetricsRow]]]) -> list[Point]:
    """Return the runs of several seeds as one point each, in their order.

    Args:
        runs: each with its metrics.
    """
    cells: dict[tuple[str, float | str, int], list[Sequence[MetricsRow]]] = {}
    for trial, rows in runs:
        cells.setdefault((trial.axis, trial.value, trial.width), []).append(rows)
    return [_point(*cell, seeds) for cell, seeds in cells.items()]


def _point(axis: str, value: float | str, width: int, seeds: Sequence[Sequence[MetricsRow]]) -> Point:
    ends = [rows[-1] for rows in seeds]
    probes = [row["probe"] for row in ends]
    slopes, signals = (
        {
            angle: Mean.of(taken)
            for angle in ANGLES
            if (taken := [one[0] for probe in probes if (one := mean_and_deviation(probe[of][angle]))])
        }
        for of in ("slopes", "signals")
    )
    return Point(
        *(axis, value, width, len(seeds)),
        angles={angle: Mean.of([row["angles"][angle] for row in ends]) for angle in ANGLES},
        slopes=slopes,
        signals=signals,
        moved=Mean.of([row["changes"][LOOP.split()[0]] or 0.0 for row in ends]),
        validation_error=Mean.of([float(np.mean([row["validation_error"] for row in rows[-LAST:]])) for rows in seeds]),
        test_error=Mean.of([best_row(rows)["test_error"] for rows in seeds]),
    )
