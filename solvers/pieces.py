"""A span of time cut where the field jumps, so that no step crosses a jump."""

from __future__ import annotations

from itertools import pairwise
from math import inf, nextafter, ulp
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_CLOSEST = 16  # jumps that are fewer roundings of time apart are one


class Piece(NamedTuple):
    """A part of the span, which begins and ends one rounding inside the jumps beside it; `edge` is its end as given."""

    start: float
    end: float
    edge: float


def pieces(start: float, end: float, jumps: NDArray[np.float64]) -> list[Piece]:
    """Return the parts of the span in order; jumps (ascending) outside it cut nothing.

    The field at a jump may be that of either side, so it is evaluated just before and just behind.
    """
    closest = _CLOSEST * ulp(max(abs(start), abs(end)))
    cuts = [start]
    for jump in jumps.tolist():
        if jump - cuts[-1] > closest and end - jump > closest:
            cuts.append(jump)
    cuts.append(end)
    jumping = {*cuts[1:-1], *jumps[(jumps == start) | (jumps == end)].tolist()}
    return [
        Piece(
            nextafter(before, inf) if before in jumping else before,
            nextafter(after, -inf) if after in jumping else after,
            after,
        )
        for before, after in pairwise(cuts)
    ]
