"""What a figure or table of the paper must show, judged on numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, TypeVar

Errors = Mapping[str, float]
"""Mean test error of a row's measured cells (percent), by column."""
Quantities = Mapping[str, float]
"""Several numbers by name."""
N_co = TypeVar("N_co", float, Quantities, covariant=True)


@dataclass(frozen=True)
class Claim(Generic[N_co]):
    """A sentence, judged.

    Attributes:
        claim: the sentence.
        numbers: that the judgement rests on, by column, place or angle.
        holds: the judgement.
        on: what is judged: key of a table's row, or labels of a figure's runs.
        measure: of angles, which of the measures.
    """

    claim: str
    numbers: Mapping[str, N_co]
    holds: bool
    on: tuple[str, ...] = ()
    measure: str = ""


def judged(
    claim: str, row: str, errors: Mapping[str, Errors], columns: Sequence[str], holds: Callable[..., bool]
) -> list[Claim[float]]:
    """Judge a claim on a table's row; return nothing if a cell that it needs is missing.

    Args:
        claim: in words.
        row: its key.
        errors: by row.
        columns: of the cells that it needs.
        holds: the judgement; it takes their errors in the order of `columns`.
    """
    measured = errors.get(row, {})
    if not all(column in measured for column in columns):
        return []
    needed = {column: measured[column] for column in columns}
    return [Claim(claim, needed, holds(*needed.values()), (row,))]


def at_most(bound: float, error: float) -> bool:
    """Return whether an error is no larger than a bound."""
    return round(error, 6) <= bound


def near(paper: float, points: float, error: float) -> bool:
    """Return whether an error differs from the paper's by no more than so many percentage points."""
    return round(abs(error - paper), 6) <= points


def increasing(*errors: float) -> bool:
    """Return whether each error is larger than the one before it."""
    return all(one < next_one for one, next_one in pairwise(errors))
