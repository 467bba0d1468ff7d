"""Callbacks: what else happens while a model learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from ctsigprop.runs.rows import Early, MetricsRow


class Counted(Protocol):
    """What an epoch adds up.

    Attributes:
        samples: samples that were learned from.
        seconds: spent so far.
        early: what callbacks measured within the epoch, for each time.
    """

    samples: int
    seconds: float
    early: list[Early]


@dataclass
class Moment:
    """Where training stands, as callbacks see it.

    Attributes:
        model: that learns; a model of the continuous family has its `network`.
        epoch: the epoch under way or just ended, from 1.
        epochs: how many the run is to have.
        batches: of an epoch.
        batch: the next one, from 0.
        tally: of the epoch so far.
        history: the rows of the epochs before.
        row: after an epoch, its row of metrics, to which callbacks may add fields.
        stopped: whether training ends after this epoch.
    """

    model: Any
    epoch: int
    epochs: int
    batches: int
    tally: Counted
    history: Sequence[MetricsRow]
    batch: int = 0
    row: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False

    def stop(self) -> None:
        """End training after this epoch."""
        self.stopped = True


class Callback:
    """Base of callbacks: each method does nothing unless overridden. Resuming does not repeat past calls."""

    def before_batch(self, moment: Moment) -> None:
        """Before the update of a batch."""

    def after_epoch(self, moment: Moment) -> None:
        """After an epoch and its evaluation, before its row is written."""


@dataclass
class EarlyStopping(Callback):
    """Ends training once the validation error has not fallen for some epochs.

    Attributes:
        patience: epochs without a new smallest validation error.
    """

    patience: int = 5

    def after_epoch(self, moment: Moment) -> None:
        """Stop if the smallest error is too long ago."""
        errors = [row["validation_error"] for row in (*moment.history, moment.row)]
        if len(errors) - 1 - errors.index(min(errors)) >= self.patience:
            moment.stop()
