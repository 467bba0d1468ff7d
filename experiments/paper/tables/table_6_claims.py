"""What Table VI must show, as checks on numbers: every error in percent."""

from collections.abc import Mapping
from functools import partial

from ctsigprop.experiments.paper.claims import Claim, Errors, at_most, increasing, judged, near
from ctsigprop.experiments.paper.tables.table_6_plan import ROWS

MNIST = [row.key for row in ROWS if row.words["dataset"] == "MNIST"]
CIFAR_FC, CIFAR_CONV = "cifar-10-3x1000-dropout", "cifar-10-conv"
PAPER = {row.key: {algorithm: error for algorithm, (error, _) in row.paper.items()} for row in ROWS}


def all_claims(errors: Mapping[str, Errors]) -> list[Claim[float]]:
    """Judge every claim whose cells are all measured.

    Args:
        errors: by row.
    """
    claims = []
    for row in MNIST:
        claims += judged("SP is at most 1.85 %", row, errors, ("sp",), partial(at_most, 1.85))
    for row in MNIST:
        bp = partial(near, PAPER[row]["bp"], 0.2)
        claims += judged("BP is within 0.2 points of the paper", row, errors, ("bp",), bp)
    sp = partial(near, PAPER[CIFAR_FC]["sp"], 1.5)
    claims += judged("SP is within 1.5 points of the paper", CIFAR_FC, errors, ("sp",), sp)
    claims += judged("SP is below FA", CIFAR_FC, errors, ("sp", "fa"), increasing)
    claims += judged("BP < SP < DFA <= FA", CIFAR_CONV, errors, ("bp", "sp", "dfa", "fa"), in_order)
    return claims


def in_order(bp: float, sp: float, dfa: float, fa: float) -> bool:
    """Return whether backpropagation errs least, then signal propagation, then the two feedback alignments."""
    return increasing(bp, sp, dfa) and dfa <= fa
