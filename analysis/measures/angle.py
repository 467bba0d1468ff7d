"""The name of an angle, and angles over the epochs of a run."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from ctsigprop.runs.rows import Measured

History = Mapping[float, Mapping[str, float]]
"""Angles in degrees: by epoch, with fractions within the first, then by name."""

MATRIX = r"W\d+(?:_\d+)?"
NAME = re.compile(rf"({MATRIX}) vs ({MATRIX}(?:\*{MATRIX})*)")


@dataclass(frozen=True)
class Angle:
    """Which angle: of a matrix against the transposed product of the others of its loop.

    Attributes:
        matrix: such as W23.
        back: the others, in the order in which a signal passes them from the matrix's target to its source.
    """

    matrix: str
    back: tuple[str, ...]

    @property
    def name(self) -> str:
        """Such as "W23 vs W31*W12": its key in metrics, tables and figures."""
        return f"{self.matrix} vs {'*'.join(self.back)}"

    @classmethod
    def parse(cls, name: str) -> Self:
        """Return the angle of a name.

        Raises:
            ValueError: the text names no angle.
        """
        if (found := NAME.fullmatch(name)) is None:
            raise ValueError(f"{name!r} names no angle: must be such as 'W23 vs W31*W12'")
        return cls(found[1], tuple(found[2].split("*")))


def names_angle(text: str) -> bool:
    """Return whether a text is the name of an angle."""
    return NAME.fullmatch(text) is not None


def history_of(rows: Iterable[Measured]) -> History:
    """Return what a run logged of its angles."""
    found: dict[float, Mapping[str, float]] = {}
    for row in rows:
        for early in row.get("early") or ():
            found.setdefault(early["epoch"], early.get("angles") or {})
        found.setdefault(row["epoch"], row.get("angles") or {})
    return found
