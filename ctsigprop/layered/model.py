"""A network of layers that PyTorch trains: what the training loop asks of it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from numpy.typing import NDArray
from torch import Tensor

from ctsigprop.data import Dataset
from ctsigprop.errors import InputError
from ctsigprop.layered.batches import Batches, Standard
from ctsigprop.layered.diagnosis import refuse_lost_weights, warnings_of
from ctsigprop.layered.epoch import Count, Tally
from ctsigprop.layered.evaluation import error_rates
from ctsigprop.layered.learner import Learner
from ctsigprop.runs.rows import ExitErrors, MetricsRow
from ctsigprop.settings import LayeredSettings

Arrays = Mapping[str, NDArray[Any]]


class LayeredModel:
    """A learner before its data.

    Attributes:
        learner: network and rule, on the run's device.
        data: that it learns.
        standard: puts images in form.
        settings: of the run.
        epoch: under way, from 1; 0 before the first.
    """

    def __init__(self, learner: Learner, data: Dataset, standard: Standard, settings: LayeredSettings) -> None:
        """Make the batches of the training set.

        Raises:
            InputError: there is only one sample.
        """
        self.learner, self.data, self.standard, self.settings = learner, data, standard, settings
        self.batched = Batches(data.train, standard, settings.training)
        self._learns = learner
        self.epoch = 0
        self._count: Count | None = None

    @property
    def samples(self) -> int:
        """Training samples of an epoch."""
        return self.batched.samples

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        return len(self.batched)

    @property
    def measured(self) -> Sequence[str]:
        """What each row of metrics has, beside what those of every family have."""
        return ("losses", "exits")

    def tally(self, **saved: Any) -> Tally:
        """The tally of an epoch, empty or as a checkpoint has saved it.

        Raises:
            InputError: it counts more errors than samples.
        """
        tally = Tally(**saved)
        if tally.errors > tally.samples:
            raise InputError(f"tally: errors = {tally.errors}: must be at most {tally.samples}, its samples")
        return tally

    @contextmanager
    def in_epoch(self, epoch: int, tally: Tally) -> Iterator[None]:
        """Train mode, rates and sums of an epoch; the tally is up to date at the end.

        Raises:
            RunFailure: a loss is no longer finite.
        """
        with self._counting(self.learner, epoch, tally):
            yield

    def of_epoch(self, epoch: int, tally: Tally) -> Iterator[tuple[int, tuple[Tensor, Tensor]]]:
        """The batches that the tally has not counted yet, inputs and labels, with their numbers."""
        return enumerate(self.batched.of_epoch(epoch, tally.batches), start=tally.batches)

    def step(self, batch: tuple[Tensor, Tensor], tally: Tally) -> None:
        """Learn from a batch.

        Raises:
            RunFailure: a loss is no longer finite.
        """
        assert self._count is not None
        inputs, labels = batch
        self._count.learn(lambda: self._learns.step(inputs, labels), labels)

    def describe(self, tally: Tally) -> str:
        """The error so far."""
        return f"train error {100 * tally.errors / tally.samples:.2f} %"

    def evaluate(self, epoch: int, tally: Tally, history: Sequence[MetricsRow]) -> MetricsRow:
        """The epoch's row of metrics: errors in percent, mean losses.

        Raises:
            RunFailure: a weight is no longer finite.
        """
        refuse_lost_weights(self.learner, epoch, self.settings.rates)
        validation, test = (
            error_rates(self.learner, part, self.standard) for part in (self.data.validation, self.data.test)
        )
        exits: dict[str, ExitErrors] = {
            stage: {"validation_error": validation[stage], "test_error": error} for stage, error in test.items()
        }
        last = exits[list(exits)[-1]]
        row: MetricsRow = {
            "epoch": epoch,
            "train_error": 100 * tally.errors / tally.samples,
            "validation_error": last["validation_error"],
            "test_error": last["test_error"],
            "losses": {name: loss / tally.samples for name, loss in tally.losses.items()},
            "exits": exits,
            "rate": self.settings.rate_of(epoch),
        }
        row["warnings"] = warnings_of(row, history, self.data, self.settings.rates)
        return row

    def state(self) -> Arrays:
        """All arrays that resuming needs, by name."""
        return {**self.learner.arrays(), **self._of_data}

    def like(self) -> Arrays:
        """Arrays that a checkpoint must have: an optimizer that has not stepped yet keeps none."""
        return self.learner.parameter_arrays()

    def load_state(self, arrays: Arrays) -> None:
        """Take over arrays of `state`."""
        self.learner.load_arrays(arrays)

    def weights(self) -> Arrays:
        """What prediction needs of `state`."""
        return {**self.learner.parameter_arrays(), **self._of_data}

    @property
    def _of_data(self) -> Arrays:
        return {**self.standard.arrays(), **self.data.kept}

    @contextmanager
    def _counting(self, learner: Learner, epoch: int, tally: Tally) -> Iterator[None]:
        """Steps are those of `learner`, the whole one or a part, and are counted."""
        self._learns, self.epoch = learner, epoch
        self._count = Count(tally, learner, epoch, self.standard.mean.device, self.settings.rates)
        learner.train()
        learner.decay_rates(self.settings.decay_of(epoch))
        yield
        self._count.read()
