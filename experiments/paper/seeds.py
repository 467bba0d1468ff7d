"""What several seeds say."""

from collections.abc import Sequence
from math import sqrt
from statistics import stdev


def standard_error(seeds: Sequence[float]) -> float | None:
    """Return the standard error of the mean of some numbers; None of one alone."""
    return stdev(seeds) / sqrt(len(seeds)) if len(seeds) > 1 else None
