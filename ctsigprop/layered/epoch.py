"""What an epoch of training batches adds up."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ctsigprop.errors import RunFailure
from ctsigprop.layered.learner import Learner, Step
from ctsigprop.layered.refusals import LostLoss
from ctsigprop.runs.rows import Early

SELDOM = 50
"""Batches on a GPU between two readings of the sums: reading waits for the device."""


@dataclass
class Tally:
    """What an epoch adds up.

    Attributes:
        batches: batches learned from.
        samples: samples in them.
        errors: of those, classified wrongly in training mode, before their update.
        losses: of each stage, summed over the samples.
        seconds: spent so far.
        early: what callbacks measured within the epoch.
    """

    batches: int = 0
    samples: int = 0
    errors: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    early: list[Early] = field(default_factory=list)

    def sums(self, stages: Sequence[str], device: torch.device) -> Tensor:
        """Errors and the losses of the stages, on the device that adds to them."""
        values = [self.errors, *(self.losses.get(name, 0.0) for name in stages)]
        return torch.tensor(values, dtype=torch.float64, device=device)

    def read(self, sums: Tensor, stages: Sequence[str], epoch: int, rates: Iterable[str]) -> None:
        """Takes over what was added up on the device; the epoch, and the settings of the rates, are for a refusal.

        Raises:
            RunFailure: a loss is no longer finite.
        """
        errors, *losses = sums.tolist()
        for name, loss in zip(stages, losses, strict=True):
            if not math.isfinite(loss):
                raise self.lost(name, epoch, rates)
        self.errors, self.losses = int(errors), dict(zip(stages, losses, strict=True))

    def lost(self, stage: str, epoch: int, rates: Iterable[str]) -> RunFailure:
        """That the loss of a stage is no longer finite."""
        return RunFailure(
            f"{stage}: the loss is no longer finite in epoch {epoch}, by sample {self.samples}: "
            f"lower {' or '.join(rates)} and train anew"
        )


class Count:
    """Adds batches to a tally, on the learner's device: what is there is read, and checked, now and then."""

    def __init__(self, tally: Tally, learner: Learner, epoch: int, device: torch.device, rates: Iterable[str]) -> None:
        """Goes on from the tally.

        Args:
            tally: kept up to date.
            learner: whose stages' losses are added up.
            epoch: its number, for a refusal.
            device: of the losses.
            rates: settings of the learning rates, for a refusal.
        """
        self._tally, self._epoch, self._rates = tally, epoch, tuple(rates)
        self._stages = [stage.name for stage in learner.stages]
        self._often = 1 if device.type == "cpu" else SELDOM
        self._sums = tally.sums(self._stages, device)

    def learn(self, step: Callable[[], Sequence[Step]], labels: Tensor) -> bool:
        """Learn from a batch and add it; whether the tally is up to date.

        Raises:
            RunFailure: a loss is no longer finite.
        """
        try:
            steps = step()
        except LostLoss as lost:
            self._tally.samples += len(labels)
            raise self._tally.lost(lost.stage, self._epoch, self._rates) from lost
        return self.add(steps, labels)

    def add(self, steps: Sequence[Step], labels: Tensor) -> bool:
        """Adds a batch; whether the tally is up to date.

        Raises:
            RunFailure: a loss is no longer finite.
        """
        self._sums += _summed(steps, labels)
        self._tally.batches += 1
        self._tally.samples += len(labels)
        due = self._tally.batches % self._often == 0
        if due:
            self.read()
        return due

    def read(self) -> None:
        """Brings the tally up to date.

        Raises:
            RunFailure: a loss is no longer finite.
        """
        self._tally.read(self._sums, self._stages, self._epoch, self._rates)


def _summed(steps: Sequence[Step], labels: Tensor) -> Tensor:
    """Errors of the last prediction that a stage makes, 0 where none does, and each stage's loss times the samples."""
    losses = torch.stack([step.loss.detach().double() for step in steps])
    scores = [step.scores for step in steps if step.scores is not None]
    errors = (scores[-1].argmax(dim=1) != labels).sum() if scores else losses.new_zeros(())
    return torch.cat([errors.double()[None], losses * len(labels)])
