"""What Table VI must show, as checks on numbers: every error in percent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ctsigprop.experiments.table_6_plan import ROWS

Errors = Mapping[str, float]
"""Mean test error of a row's measured cells, by algorithm."""

MNIST = [row.key for row in ROWS if row.dataset == "MNIST"]
CIFAR_FC, CIFAR_CONV = "cifar-10-3x1000-dropout", "cifar-10-conv"
PAPER = {row.key: {algorithm: error for algorithm, (error, _) in row.paper.items()} for row in ROWS}


@dataclass(frozen=True)
class Claim:
    """One thing that a row must show.

    Attributes:
        claim: in words.
        row: its key.
        errors: that it rests on, by algorithm.
        holds: the judgement.
    """

    claim: str
    row: str
    errors: Errors
    holds: bool


def all_claims(errors: Mapping[str, Errors]) -> list[Claim]:
    """Every claim whose cells are all measured.

    Args:
        errors: by row.
    """
    claims = [
        *(_claim("SP is at most 1.85 %", row, errors, ("sp",), lambda of, _: of["sp"] <= 1.85) for row in MNIST),
        *(
            _claim("BP is within 0.2 points of the paper", row, errors, ("bp",), lambda of, by: near(of, by, "bp", 0.2))
            for row in MNIST
        ),
        _claim(
            "SP is within 1.5 points of the paper", CIFAR_FC, errors, ("sp",), lambda of, by: near(of, by, "sp", 1.5)
        ),
        _claim("SP is below FA", CIFAR_FC, errors, ("sp", "fa"), lambda of, _: of["sp"] < of["fa"]),
        _claim("BP < SP < DFA <= FA", CIFAR_CONV, errors, ("bp", "sp", "dfa", "fa"), lambda of, _: in_order(of)),
    ]
    return [claim for claim in claims if claim is not None]


def near(measured: Errors, paper: Errors, algorithm: str, points: float) -> bool:
    """Whether an error is no further from the paper's than so many percentage points, above or below."""
    return round(abs(measured[algorithm] - paper[algorithm]), 6) <= points


def in_order(measured: Errors) -> bool:
    """Whether backpropagation errs least, then signal propagation, then the two feedback alignments."""
    return measured["bp"] < measured["sp"] < measured["dfa"] <= measured["fa"]


def _claim(
    claim: str,
    row: str,
    errors: Mapping[str, Errors],
    algorithms: tuple[str, ...],
    holds: Callable[[Errors, Errors], bool],
) -> Claim | None:
    """The claim, judged, or None where a cell that it needs is missing."""
    measured = errors.get(row, {})
    if not all(algorithm in measured for algorithm in algorithms):
        return None
    return Claim(claim, row, {name: measured[name] for name in algorithms}, holds(measured, PAPER[row]))
