"""Training in a run folder, whatever the wing: epochs, the best checkpoint by validation error, resume, summary."""

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray
from tqdm import tqdm

from ctsigprop.environment import environment
from ctsigprop.errors import InputError
from ctsigprop.metrics import best_row, whole_in, wrong_in
from ctsigprop.runs import RunFolder
from ctsigprop.settings import TrainingSettings
from ctsigprop.tensorboard import event_writer
from ctsigprop.typed import wrong_field

Arrays = Mapping[str, NDArray[Any]]
Row = Mapping[str, Any]
T = TypeVar("T")

log = logging.getLogger("ctsigprop")


@dataclass
class Progress(Generic[T]):
    """Where a run stands between two batches; with a checkpoint's arrays it is all that resuming needs.

    Attributes:
        epoch: epochs finished.
        tally: of the epoch under way, a dataclass of the wing's own.
        history: a row of metrics for each finished epoch.
        best_epoch: the last of the epochs with the smallest validation error; 0 before the first has ended.
    """

    epoch: int
    tally: T
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0


def restored(
    run: RunFolder, like: Arrays, tally: type[T], samples: int, measured: Sequence[str]
) -> tuple[dict[str, NDArray[Any]], Progress[T]]:
    """The arrays and the progress of a run's last checkpoint.

    Args:
        run: its folder.
        like: arrays of the network in hand, which the checkpoint's must match.
        tally: the wing's own, with `samples` and `errors`.
        samples: of the training set.
        measured: what each row of metrics must have, beside what those of every wing have.

    Raises:
        InputError: the checkpoint is missing, corrupt or of another network, holds values that are not finite, or
            progress that no run makes.
    """
    arrays, meta = run.load_checkpoint("last", like=like, keys=[entry.name for entry in fields(Progress)])
    if wrong := _wrong_in(meta, tally, samples, measured):
        path = run.checkpoint("last")
        raise InputError(f"{path}: {wrong}: restore it from a copy, or train anew in another --run-dir")
    return arrays, Progress(meta["epoch"], tally(**meta["tally"]), meta["history"], meta["best_epoch"])


def _wrong_in(meta: Mapping[str, Any], tally: type[Any], samples: int, measured: Sequence[str]) -> str | None:
    """What is wrong with the progress that a checkpoint holds, in words; None if nothing."""
    if wrong := wrong_field(tally, meta["tally"], {"samples", "errors"}):
        return f"tally: {wrong}"
    if not meta["tally"]["errors"] <= meta["tally"]["samples"] <= samples:
        return f"tally: has more errors than samples, or more samples than there are, {samples}"
    history = meta["history"]
    if not isinstance(history, list) or len(history) != meta["epoch"]:
        return f"history: must be a row of metrics for each of the {meta['epoch']} epochs"
    for epoch, row in enumerate(history, start=1):
        if not isinstance(row, dict) or row.get("epoch") != epoch:
            return f"history: row {epoch} must be of epoch {epoch}"
        if wrong := wrong_in(row):
            return f"history: row {epoch}: {wrong}"
        if row.get("warnings") is None or not row.keys() >= set(measured) or not whole_in(row, history[0]):
            return f"history: row {epoch} is not as a run writes it"
    best = best_row(history)["epoch"] if history else 0
    if meta["best_epoch"] != best:
        return f"best_epoch = {meta['best_epoch']!r:.60}: must be {best}, of the smallest validation error"
    return None


def train_epochs(
    run: RunFolder,
    settings: TrainingSettings,
    progress: Progress[T],
    *,
    learn: Callable[[int, T], bool],
    evaluate: Callable[[int, T, Sequence[Row]], dict[str, Any]],
    arrays: Callable[[], Arrays],
    weights: Callable[[], Arrays],
    tally: Callable[[], T],
) -> Progress[T]:
    """Trains from where `progress` stands to the last epoch, and writes what each epoch leaves behind.

    Args:
        run: where checkpoints and metrics go.
        settings: the wing's `training`: how many epochs, which are kept.
        progress: so far.
        learn: goes through what the tally has not seen yet of an epoch, counted from 1; whether it came to its end.
        evaluate: the row of metrics of a finished epoch, given the rows before it; it has at least `epoch`,
            `validation_error` and `warnings`.
        arrays: all that resuming needs.
        weights: what prediction needs.
        tally: an empty one.

    Returns:
        The progress after the last epoch.

    Raises:
        InputError: TensorBoard is asked for and not installed.
        RunFailure: a disk that is full.
        KeyboardInterrupt: `learn` was stopped; the state was saved.
    """
    with event_writer(run.path, enabled=settings.tensorboard) as log_events:
        while progress.epoch < settings.epochs:
            epoch = progress.epoch + 1
            if not learn(epoch, progress.tally):
                run.save_checkpoint("last", arrays(), asdict(progress))
                raise KeyboardInterrupt
            row = evaluate(epoch, progress.tally, progress.history)
            best = all(row["validation_error"] <= past["validation_error"] for past in progress.history)
            progress = Progress(epoch, tally(), [*progress.history, row], epoch if best else progress.best_epoch)
            if best:
                run.save_checkpoint("best", weights(), {"epoch": epoch})
            if epoch in settings.keep:
                run.save_checkpoint(f"epoch-{epoch}", arrays(), asdict(progress))
            run.write_metrics(progress.history)
            log_events(row)
            run.save_checkpoint("last", arrays(), asdict(progress))  # last: a kill before it repeats the epoch
            before = progress.history[-2]["warnings"] if epoch > 1 else {}
            for kind in sorted(row["warnings"].keys() - before.keys()):
                log.warning("epoch %d: %s", epoch, row["warnings"][kind])
    return progress


def summarised(run: RunFolder, settings: TrainingSettings, progress: Progress[T]) -> dict[str, Any]:
    """Writes what came out of a run that has ended, and returns it.

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
    }
    run.write_metrics(progress.history)  # of a run that was at its end already they may be damaged
    with suppress(InputError):
        if outcome.items() <= (written := run.summary()).items():
            return written
    summary = {**outcome, "threads": settings.threads, **environment()}
    run.write_summary(summary)
    return summary


def epoch_bar(samples: int, seen: int, epoch: int, epochs: int, *, quiet: bool) -> Any:
    """A progress bar for the samples of an epoch; none is shown where nobody sees it."""
    return tqdm(
        total=samples,
        initial=seen,
        desc=f"epoch {epoch}/{epochs}",
        unit=" samples",
        disable=quiet or None,
        leave=False,
    )
