"""What a reproduced table of test errors must show, judged on numbers: every error in percent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

Errors = Mapping[str, float]
"""Mean test error of a row's measured cells, by column."""


@dataclass(frozen=True)
class Claim:
    """One thing that a row must show.

    Attributes:
        claim: in words.
        row: its key.
        errors: that it rests on, by column.
        holds: the judgement.
    """

    claim: str
    row: str
    errors: Errors
    holds: bool


def judged(
    claim: str, row: str, errors: Mapping[str, Errors], columns: Sequence[str], holds: Callable[..., bool]
) -> list[Claim]:
    """The claim, or nothing where a cell that it needs is missing.

    Args:
        claim: in words.
        row: its key.
        errors: by row.
        columns: of the cells that it needs.
        holds: the judgement on their errors, which it is given in the order of `columns`.
    """
    measured = errors.get(row, {})
    if not all(column in measured for column in columns):
        return []
    needed = {column: measured[column] for column in columns}
    return [Claim(claim, row, needed, holds(*needed.values()))]


def at_most(bound: float, error: float) -> bool:
    """Whether an error is no larger than a bound."""
    return round(error, 6) <= bound


def near(paper: float, points: float, error: float) -> bool:
    """Whether an error is no further from the paper's than so many percentage points, above or below."""
    return round(abs(error - paper), 6) <= points


def increasing(*errors: float) -> bool:
    """Whether each error is larger than the one before it."""
    return all(one < next_one for one, next_one in pairwise(errors))
