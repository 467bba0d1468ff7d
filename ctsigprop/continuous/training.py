"""Training in a run folder: epochs, the best checkpoint by validation error, resume, summary."""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.diagnosis import refuse_lost_weights, warnings_of
from ctsigprop.continuous.epoch import Measure, Tally, error_rate, run_epoch
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array, Network, build
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.stability import loop_gain
from ctsigprop.datasets import Dataset, load
from ctsigprop.environment import environment
from ctsigprop.errors import RunFailure
from ctsigprop.interrupt import deferred_interrupt
from ctsigprop.runs import RunFolder
from ctsigprop.settings import Settings
from ctsigprop.tensorboard import event_writer

MEMORY = "memory"
GAIN_COLUMNS = 640

Split = tuple[Array, NDArray[np.int64]]
"""Inputs (samples, features) and labels (samples,)."""

Probe = Callable[[Network, Array, NDArray[np.int64], Settings], Mapping[str, Any]]

log = logging.getLogger("ctsigprop")


@dataclass
class Progress:
    """Where a run stands between two batches; with a checkpoint's arrays it is all that resuming needs.

    Attributes:
        epoch: epochs finished.
        tally: of the epoch under way.
        history: a row of metrics for each finished epoch.
        best_epoch: the last of the epochs with the smallest validation error; 0 before the first has ended.
    """

    epoch: int = 0
    tally: Tally = field(default_factory=Tally)
    history: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0


def train(
    settings: Settings,
    run: RunFolder,
    *,
    resume: bool = False,
    quiet: bool = False,
    measure: Measure | None = None,
    probe: Probe | None = None,
) -> dict[str, Any]:
    """Trains a network in a run folder, from its beginning or from its last checkpoint.

    Args:
        settings: of the run.
        run: where checkpoints, metrics and summary go.
        resume: go on from the last checkpoint.
        quiet: show no progress bar.
        measure: gives fields of each epoch's row, and of the measurements within the first epoch.
        probe: measures the network at the first `probe.samples` validation samples; the row's field `probe`.

    Returns:
        The summary that was written.

    Raises:
        InputError: data, settings or checkpoint that do not go together.
        RunFailure: weights that are no longer finite, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    data = load(settings.data.name, limit=settings.data.limit)
    network = draw(settings, data)
    sweeps = LayerSweeps(network)
    memory = np.zeros((len(data.train), sweeps.size), network.dtype)
    arrays = network.parameters() | {MEMORY: memory}
    progress = _restored(run, arrays) if resume else Progress()
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    splits = {name: (part.inputs(network.dtype), part.labels) for name, part in parts.items()}
    with (
        np.errstate(over="ignore", invalid="ignore"),  # what becomes of it is refused in a sentence
        event_writer(run.path, enabled=settings.training.tensorboard) as log_events,
        deferred_interrupt() as stop,
    ):
        while progress.epoch < settings.training.epochs:
            epoch = progress.epoch + 1
            finished = run_epoch(
                sweeps,
                memory,
                *splits["train"],
                settings,
                epoch=epoch,
                tally=progress.tally,
                quiet=quiet,
                stop=stop,
                measure=measure,
            )
            refuse_lost_weights(network, epoch)
            if not finished:
                run.save_checkpoint("last", arrays, asdict(progress))
                raise KeyboardInterrupt
            row = _evaluated(sweeps, splits, settings, progress.tally, epoch, measure, probe)
            best = all(row["validation_error"] <= past["validation_error"] for past in progress.history)
            progress = Progress(epoch, Tally(), [*progress.history, row], epoch if best else progress.best_epoch)
            if best:
                run.save_checkpoint("best", network.parameters(), {"epoch": epoch})
            if epoch in settings.training.keep:
                run.save_checkpoint(f"epoch-{epoch}", arrays, asdict(progress))
            run.write_metrics(progress.history)
            log_events(row)
            run.save_checkpoint("last", arrays, asdict(progress))  # last: a kill before it repeats the epoch
            before = progress.history[-2]["warnings"] if epoch > 1 else {}
            for kind in sorted(row["warnings"].keys() - before.keys()):
                log.warning("epoch %d: %s", epoch, row["warnings"][kind])
    return _summarised(run, settings, progress)


def draw(settings: Settings, data: Dataset) -> Network:
    """The network of a run before its first update.

    Raises:
        InputError: settings that do not fit the network.
    """
    rng = np.random.default_rng(settings.training.seed)
    return build(data.features, data.classes, settings.network, settings.learning, rng)


def _restored(run: RunFolder, arrays: Mapping[str, Array]) -> Progress:
    """Copies the last checkpoint into `arrays` and returns its progress."""
    saved, meta = run.load_checkpoint("last", like=arrays, keys=[entry.name for entry in fields(Progress)])
    for name, array in arrays.items():
        array[...] = saved[name]
    return Progress(meta["epoch"], Tally(**meta["tally"]), meta["history"], meta["best_epoch"])


def _evaluated(
    sweeps: LayerSweeps,
    splits: Mapping[str, Split],
    settings: Settings,
    tally: Tally,
    epoch: int,
    measure: Measure | None,
    probe: Probe | None,
) -> dict[str, Any]:
    """The epoch's row of metrics: errors in percent, mean sweeps a sample, largest residuals, what was measured."""
    started = time.perf_counter()
    gain = _largest_gain(sweeps, splits["train"][0], settings)
    row = {
        "epoch": epoch,
        "train_error": 100 * tally.errors / tally.samples,
        "validation_error": error_rate(sweeps, *splits["validation"], settings),
        "test_error": error_rate(sweeps, *splits["test"], settings),
        "free_residual": tally.free_residual,
        "clamped_residual": tally.clamped_residual,
        "free_sweeps": tally.free_sweeps / tally.samples,
        "clamped_sweeps": tally.clamped_sweeps / tally.samples,
        "unconverged": tally.unconverged,
        "moved": tally.moved / tally.samples,
        "loop_gain": gain,
        "angles": {},
        "warnings": warnings_of(tally, gain, settings),
    }
    if measure:
        row |= measure(sweeps.network)
    if tally.early:
        row["early"] = tally.early
    if probe and settings.probe.samples:
        (inputs, labels), count = splits["validation"], settings.probe.samples
        row["probe"] = probe(sweeps.network, inputs[:count], labels[:count], settings)
    row["training_seconds"] = tally.seconds
    row["seconds"] = tally.seconds + time.perf_counter() - started
    return row


def _largest_gain(sweeps: LayerSweeps, inputs: Array, settings: Settings) -> float:
    samples = inputs[: max(1, GAIN_COLUMNS // sweeps.size)]
    free = relax(sweeps, sweeps.drive(samples), sweeps.at_rest(len(samples)), settings.solver)
    try:
        return float(loop_gain(sweeps, free.states).max())
    except np.linalg.LinAlgError as error:
        raise RunFailure("the loop gain is no longer finite: lower learning.rates and train anew") from error


def _summarised(run: RunFolder, settings: Settings, progress: Progress) -> dict[str, Any]:
    best, last = progress.history[progress.best_epoch - 1], progress.history[-1]
    summary = {
        "best_epoch": best["epoch"],
        "best_validation_error": best["validation_error"],
        "test_error": best["test_error"],
        "final_train_error": last["train_error"],
        "epochs": last["epoch"],
        "seconds": sum(row["seconds"] for row in progress.history),
        "seed": settings.training.seed,
        "threads": settings.training.threads,
        **environment(),
    }
    run.write_summary(summary)
    return summary
