"""Events as Python sees them: a function of them tried once, and asked on both sides of a jump."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.solvers.arguments import EVENTS

Vector = NDArray[Any]

POLES = (ZeroDivisionError, OverflowError)
"""What plain Python raises where a function has a pole."""


def crossed_by(before: Vector, after: Vector, directions: Vector) -> list[int]:
    """Return which events have happened between their numbers before and after: several, where they are at once."""
    from ctsigprop.solvers.engine import crosses

    return [k for k, direction in enumerate(directions) if crosses(before[k], after[k], direction)]


def read_only(events: Callable[..., None]) -> Callable[..., None]:
    """Return a plain function of events that cannot change the state that it looks at."""

    def looking(t: float, y: Vector, *rest: Vector) -> None:
        seen = y.view()
        seen.flags.writeable = False
        return events(t, seen, *rest)

    return looking


class Watch:
    """A function of events, outside the engine."""

    def __init__(
        self,
        events: Callable[..., None] | None,
        directions: Vector,
        sign: float,
        parameters: Vector,
        layout: NDArray[np.int64],
    ) -> None:
        """Hold the function and what it is called with.

        Args:
            events: plain or jitted; None where nothing is watched.
            directions: of each event, (events,).
            sign: of its time beside that of the solve.
            parameters: as for the field.
            layout: as for the field.
        """
        self._events = None if events is None else read_only(getattr(events, "py_func", events))
        self._directions, self._sign, self._rest = directions, sign, (parameters, layout)

    def require_numbers(self, t: float, y: Vector) -> None:
        """Pass a function that writes a number for each event.

        Raises:
            ValueError: it writes more numbers or fewer, or returns something.
        """
        if self._events is not None and np.isnan(found := self._values(t, y)).any():
            first = int(np.argmax(np.isnan(found)))
            many = f"directions: {found.size} given" if found.size > 1 else "events"
            raise ValueError(f"{many}: number {first} is nan at the start, one for each event is needed")

    def across(self, before: float, behind: float, y: Vector) -> list[int]:
        """Return which events happen at a jump, from just before it to just behind it."""
        if self._events is None:
            return []
        return crossed_by(self._values(before, y), self._values(behind, y), self._directions)

    def _values(self, t: float, y: Vector) -> Vector:
        found = np.full(self._directions.size, np.nan, y.dtype)
        assert self._events is not None
        returned: object = None
        try:
            with suppress(*POLES):
                returned = self._events(self._sign * t, y, found, *self._rest)
        except (IndexError, ValueError) as error:
            many = f"directions: {found.size} given, one for each number that events writes is needed"
            raise ValueError(f"{many} ({error})") from error
        if returned is not None:
            raise ValueError(f"{EVENTS.name}: it returned a value; {EVENTS.duty}")
        return found
