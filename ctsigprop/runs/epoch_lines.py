"""What a run says of its epochs: one line each where output is no terminal, numbers beside the bar where it is."""

import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from tqdm import tqdm

from ctsigprop.runs.metrics import error_in_words
from ctsigprop.runs.rows import ErrorField, MetricsRow

RECENT = 5
"""Epochs whose mean time is expected of those that are left; the first, which compiles, counts where it is alone."""


def line_of(history: Sequence[MetricsRow], epochs: int) -> str:
    """The last epoch's number, errors and time, and the time that is left."""
    row = history[-1]
    fields: tuple[ErrorField, ...] = ("train_error", "validation_error", "test_error")
    errors = ", ".join(f"{field.removesuffix('_error')} {error_in_words(row[field], row)}" for field in fields)
    return f"epoch {row['epoch']}/{epochs}: errors {errors}; {duration(row['seconds'])}{_left(history, epochs)}"


def beside_bar(history: Sequence[MetricsRow], epochs: int) -> str:
    """The last epoch's validation error and the time that is left, in short; nothing before the first has ended."""
    if not history:
        return ""
    row = history[-1]
    return f"validation error {error_in_words(row['validation_error'], row)}{_left(history, epochs)}"


def duration(seconds: float) -> str:
    """Seconds as a person writes them: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes_left} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def say(line: str, *, quiet: bool) -> None:
    """Print a line where output is no terminal, at which a bar is shown.

    A log that cannot be written does not end the training that it is about.
    """
    if not quiet and not (sys.stdout.isatty() and sys.stderr.isatty()):
        with suppress(OSError):
            print(line, flush=True)


def _left(history: Sequence[MetricsRow], epochs: int) -> str:
    ahead = epochs - history[-1]["epoch"]
    seconds = [row["seconds"] for row in history[1:][-RECENT:] or history]
    return f", {duration(ahead * sum(seconds) / len(seconds))} left" if ahead > 0 else ""


def epoch_bar(samples: int, seen: int, epoch: int, epochs: int, *, quiet: bool, note: str = "") -> Any:
    """A progress bar for the samples of an epoch, with a note; none is shown where nobody sees it."""
    return tqdm(
        total=samples,
        initial=seen,
        desc=f"epoch {epoch}/{epochs}" + (f" ({note})" if note else ""),
        unit=" samples",
        disable=quiet or None,
        leave=False,
    )
