"""What a solve returns: the state it reached, what it cost, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Status(Enum):
    """How a solve ended: the value is the code that compiled kernels return, `sentence` says what to do."""

    SUCCESS = (0, "the solve reached what was asked for: the end, an event, or with residual_tolerance a steady state")
    STEP_CAP = (1, "the step cap was reached: raise max_steps, loosen rtol or take larger steps")
    NOT_FINITE = (
        2,
        "the state or the field is no longer finite: take smaller steps, bound the state, "
        "or look for weights that have grown too large",
    )
    STEP_UNDERFLOW = (
        3,
        "the step fell below the resolution of time: the problem is stiff or has a singularity here; "
        "loosen rtol and atol, or use exponential_euler where the leak is what is stiff",
    )
    NOT_CONVERGED = (
        4,
        "the residual is still above its tolerance: allow more steps or sweeps, accelerate, or loosen the tolerance",
    )

    def __new__(cls, code: int, sentence: str = "") -> Self:
        """Make the code the member's value, so that `Status(code)` reads what a kernel returned."""
        member = object.__new__(cls)
        member._value_ = code
        member.sentence = sentence
        return member

    sentence: str


def _empty() -> Array:
    return np.empty(0)


def _no_events() -> NDArray[np.int64]:
    return np.empty(0, np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class Result:
    """Outcome of an integration.

    Attributes:
        y: final state, shape (n,).
        status: how the solve ended.
        residual: what still moves at `y`, max|f(t, y)| / max(1, max|y|); a component that a bound holds in place
            counts as zero.
        evaluations: evaluations of the field.
        accepted: steps taken.
        rejected: steps tried and repeated with a smaller size.
        time: time reached.
        times: the asked times that the solve reached, shape (k,).
        states: states at `times`, shape (k, n); empty where no times were asked.
        events: which events happened, in the order of passing, shape (m,).
        event_times: when, likewise.
        event_states: the states then, shape (m, n).
    """

    y: Array
    status: Status
    residual: float
    evaluations: int
    accepted: int
    rejected: int
    time: float
    times: Array = field(default_factory=_empty)
    states: Array = field(default_factory=_empty)
    events: NDArray[np.int64] = field(default_factory=_no_events)
    event_times: NDArray[np.float64] = field(default_factory=_empty)
    event_states: Array = field(default_factory=_empty)

    def __repr__(self) -> str:
        counts = f"{self.evaluations} evaluations, residual {self.residual:.3g}"
        return f"Result({self.status.name}, t = {self.time:g}, {self.y.size} components, {counts})"

    def check(self) -> Self:
        """Return the result itself, or raise SolveError where the solve did not succeed."""
        if self.status is not Status.SUCCESS:
            raise SolveError(self)
        return self


class SolveError(RuntimeError):
    """A solve that did not succeed; `result` holds what it reached."""

    def __init__(self, result: Result) -> None:
        """Say in one line where the solve stopped, why, and what to do about it."""
        super().__init__(
            f"{result.status.name.lower()} at t = {result.time:g} after {result.evaluations} evaluations, "
            f"residual {result.residual:.3g}: {result.status.sentence}"
        )
        self.result = result

    def __reduce__(self) -> tuple[type[SolveError], tuple[Result]]:
        """Pickle as the result alone, so that the error crosses process boundaries."""
        return type(self), (self.result,)
