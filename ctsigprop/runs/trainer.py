"""The one training loop: epochs, the best checkpoint by validation error, resume, summary, for any model."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Generic, Protocol, TypeVar, cast

from numpy.typing import NDArray

from ctsigprop.core.environment import environment
from ctsigprop.core.interrupt import deferred_interrupt
from ctsigprop.errors import InputError
from ctsigprop.runs.callbacks import Callback, Counted, Moment
from ctsigprop.runs.epoch_lines import beside_bar, epoch_bar, line_of, say
from ctsigprop.runs.folder import RunFolder
from ctsigprop.runs.metrics import REGRESSION, best_row, whole_in, wrong_in
from ctsigprop.runs.rows import MetricsRow
from ctsigprop.runs.tensorboard import event_writer
from ctsigprop.runs.typed import wrong_field
from ctsigprop.settings import TrainingSettings
from ctsigprop.settings.config import named

Arrays = Mapping[str, NDArray[Any]]
T = TypeVar("T", bound=Counted)
B = TypeVar("B")

log = logging.getLogger("ctsigprop")


class Model(Protocol[T, B]):
    """A network in training, as the loop sees it."""

    @property
    def samples(self) -> int:
        """Training samples of an epoch."""
        ...

    @property
    def batches(self) -> int:
        """Batches of an epoch."""
        ...

    @property
    def measured(self) -> Sequence[str]:
        """What each row of metrics has, beside what those of every family have."""
        ...

    def tally(self, **saved: Any) -> T:
        """The tally of an epoch, empty or as a checkpoint has saved it.

        Raises:
            InputError: a saved one that is not the model's.
        """
        ...

    def in_epoch(self, epoch: int, tally: T) -> AbstractContextManager[None]:
        """Prepare for the batches of an epoch, and bring the tally up to date after those that there were.

        Raises:
            RunFailure: a weight is no longer finite.
        """
        ...

    def of_epoch(self, epoch: int, tally: T) -> Iterator[tuple[int, B]]:
        """The batches of an epoch, from 1, that its tally has not counted yet, with their numbers from 0."""
        ...

    def step(self, batch: B, tally: T) -> None:
        """Learn from a batch and count it."""
        ...

    def describe(self, tally: T) -> str:
        """Return what stands beside the progress bar, in some words."""
        ...

    def evaluate(self, epoch: int, tally: T, history: Sequence[MetricsRow]) -> MetricsRow:
        """The row of metrics of a finished epoch: at least `epoch`, errors and `warnings`."""
        ...

    def state(self) -> Arrays:
        """All arrays that resuming needs, by name."""
        ...

    def like(self) -> Arrays:
        """Arrays of `state` that a checkpoint must have, of the same shapes and types."""
        ...

    def load_state(self, arrays: Arrays) -> None:
        """Take over arrays of `state`."""
        ...

    def weights(self) -> Arrays:
        """Return what prediction needs of `state`."""
        ...


@dataclass
class Progress(Generic[T]):
    """Where a run stands between two batches; with a checkpoint's arrays it is all that resuming needs.

    Attributes:
        epoch: epochs finished.
        tally: of the epoch under way.
        history: a row of metrics for each finished epoch.
        best_epoch: the last of the epochs with the smallest validation error; 0 before the first has ended.
        stopped: whether a callback has ended the run.
    """

    epoch: int
    tally: T
    history: list[MetricsRow] = field(default_factory=list)
    best_epoch: int = 0
    stopped: bool = False


def train(
    model: Model[T, B],
    run: RunFolder,
    settings: TrainingSettings,
    callbacks: Sequence[Callback] = (),
    *,
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train in a run folder, from the model as it stands or from the last checkpoint.

    A run that was stopped, or killed, and resumed is bit for bit the run that was not, where the model's steps are.

    Args:
        model: that learns.
        run: where checkpoints, metrics and summary go.
        settings: epochs, which of them are kept, seed.
        callbacks: called in this order.
        resume: go on from the last checkpoint.
        quiet: show no progress.

    Returns:
        The summary that was written.

    Raises:
        InputError: a checkpoint that is not the model's, or TensorBoard that is asked for and not installed.
        RunFailure: a model that can learn no more, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    progress = _restored(model, run) if resume else Progress(0, model.tally())
    with event_writer(run.path, enabled=settings.tensorboard) as log_events, deferred_interrupt() as stop:
        while progress.epoch < settings.epochs and not progress.stopped:
            moment = Moment(
                *(model, progress.epoch + 1, settings.epochs, model.batches, progress.tally, progress.history)
            )
            note = beside_bar(progress.history, settings.epochs)
            if not run_epoch(model, moment, callbacks, stop, quiet=quiet, note=note):
                run.save_checkpoint("last", model.state(), asdict(progress))
                raise KeyboardInterrupt
            progress = _after_epoch(model, moment, callbacks, progress)
            _write(model, run, settings, progress)
            log_events(progress.history[-1])
            say(line_of(progress.history, settings.epochs), quiet=quiet)
            _warn(moment)
        return _summarised(run, settings, progress)


def run_epoch(
    model: Model[T, B],
    moment: Moment,
    callbacks: Sequence[Callback],
    stop: Callable[[], bool],
    *,
    quiet: bool,
    note: str = "",
) -> bool:
    """Learn from those batches of an epoch that its tally has not counted yet.

    Args:
        model: that learns.
        moment: of the epoch; its tally is kept up to date.
        callbacks: told of each batch.
        stop: asked before each batch.
        quiet: show no progress.
        note: beside the progress bar.

    Returns:
        Whether the epoch came to its end.
    """
    tally: Any = moment.tally
    before = time.perf_counter() - tally.seconds
    finished = True
    bar = epoch_bar(model.samples, tally.samples, moment.epoch, moment.epochs, quiet=quiet, note=note)
    with bar, model.in_epoch(moment.epoch, tally):
        for number, batch in model.of_epoch(moment.epoch, tally):
            moment.batch = number
            if stop():
                finished = False
                break
            for callback in callbacks:
                callback.before_batch(moment)
            model.step(batch, tally)
            tally.seconds = time.perf_counter() - before
            bar.update(tally.samples - bar.n)
            bar.set_postfix_str(model.describe(tally), refresh=False)
    tally.seconds = time.perf_counter() - before
    return finished


def _restored(model: Model[T, B], run: RunFolder) -> Progress[T]:
    """The progress of a run's last checkpoint, whose arrays the model takes over.

    Raises:
        InputError: the checkpoint is missing, corrupt or of another network, holds values that are not finite, or
            progress that no run makes.
    """
    needed = [one.name for one in fields(Progress) if one.name != "stopped"]
    arrays, meta = run.load_checkpoint("last", like=model.like(), keys=needed)
    path = run.checkpoint("last")
    if wrong := _wrong_in(meta, model):
        raise InputError(f"{path}: {wrong}: restore it from a copy, or train anew in another --run-dir")
    with named(path):
        tally = model.tally(**meta["tally"])
        model.load_state(arrays)
    return Progress(meta["epoch"], tally, meta["history"], meta["best_epoch"], meta.get("stopped", False) is True)


def _wrong_in(meta: Mapping[str, Any], model: Model[T, B]) -> str | None:
    """Return what is wrong with the progress that a checkpoint holds, in words; None if nothing."""
    if wrong := wrong_field(type(model.tally()), meta["tally"], {"samples", "errors"}):
        return f"tally: {wrong}"
    if not meta["tally"]["samples"] <= model.samples:
        return f"tally: has more samples than there are, {model.samples}"
    history = meta["history"]
    if not isinstance(history, list) or len(history) != meta["epoch"]:
        return f"history: must be a row of metrics for each of the {meta['epoch']} epochs"
    for epoch, row in enumerate(history, start=1):
        if not isinstance(row, dict) or row.get("epoch") != epoch:
            return f"history: row {epoch} must be of epoch {epoch}"
        if wrong := wrong_in(row):
            return f"history: row {epoch}: {wrong}"
        if row.get("warnings") is None or not row.keys() >= set(model.measured) or not whole_in(row, history[0]):
            return f"history: row {epoch} is not as a run writes it"
    best = best_row(history)["epoch"] if history else 0
    if meta["best_epoch"] != best:
        return f"best_epoch = {meta['best_epoch']!r:.60}: must be {best}, of the smallest validation error"
    return None


def _after_epoch(
    model: Model[T, B], moment: Moment, callbacks: Sequence[Callback], progress: Progress[T]
) -> Progress[T]:
    """Evaluate, let the callbacks add to the row, and go on to the next epoch."""
    started = time.perf_counter()
    moment.row = dict(model.evaluate(moment.epoch, progress.tally, progress.history))
    for callback in callbacks:
        callback.after_epoch(moment)
    row = cast(MetricsRow, moment.row)
    if moment.tally.early:
        row["early"] = moment.tally.early
    row["training_seconds"] = progress.tally.seconds
    row["seconds"] = progress.tally.seconds + time.perf_counter() - started
    best = all(row["validation_error"] <= past["validation_error"] for past in progress.history)
    epoch = moment.epoch if best else progress.best_epoch
    return Progress(moment.epoch, model.tally(), [*progress.history, row], epoch, moment.stopped)


def _write(model: Model[T, B], run: RunFolder, settings: TrainingSettings, progress: Progress[T]) -> None:
    if progress.best_epoch == progress.epoch:
        run.save_checkpoint("best", model.weights(), {"epoch": progress.epoch})
    if progress.epoch in settings.keep:
        run.save_checkpoint(f"epoch-{progress.epoch}", model.state(), asdict(progress))
    run.write_metrics(progress.history)
    run.save_checkpoint("last", model.state(), asdict(progress))  # last: a kill before it repeats the epoch


def _warn(moment: Moment) -> None:
    """Log the warnings that the epoch before did not have."""
    before = moment.history[-1]["warnings"] if moment.history else {}
    for kind in sorted(moment.row["warnings"].keys() - before.keys()):
        log.warning("epoch %d: %s", moment.epoch, moment.row["warnings"][kind])


def _summarised(run: RunFolder, settings: TrainingSettings, progress: Progress[T]) -> dict[str, Any]:
    """Write what came out of a run that has ended, and return it.

    Where that is written already, it stands with the machine and the revision that made it.
    """
    best, last = progress.history[progress.best_epoch - 1], progress.history[-1]
    outcome = {
        "best_epoch": best["epoch"],
        "best_validation_error": best["validation_error"],
        "test_error": best["test_error"],
        "final_train_error": last["train_error"],
        "epochs": last["epoch"],
        "seconds": sum(row["seconds"] for row in progress.history),
        "seed": settings.seed,
        **({"stopped": True} if progress.stopped else {}),
        **({REGRESSION: True} if last.get(REGRESSION) else {}),
    }
    run.write_metrics(progress.history)  # of a run that was at its end already they may be damaged
    with suppress(InputError):
        if outcome.items() <= (written := run.summary()).items():
            return written
    summary = {**outcome, "threads": settings.threads, **environment()}
    run.write_summary(summary)
    return summary
