"""Training in a run folder: epochs, the best checkpoint by validation error, resume, summary."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.averaging import copied
from ctsigprop.continuous.diagnosis import refuse_lost_weights, warnings_of
from ctsigprop.continuous.epoch import Measure, Outputs, Tally, outputs_of, run_epoch
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array, Network, build
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.stability import loop_gain
from ctsigprop.datasets import Dataset, dataset_of
from ctsigprop.datasets.record import keep_data
from ctsigprop.errors import RunFailure
from ctsigprop.interrupt import deferred_interrupt
from ctsigprop.progress import Progress, Row, restored, summarised, train_epochs
from ctsigprop.runs import RunFolder
from ctsigprop.settings import Settings

MEMORY = "memory"
GAIN_COLUMNS = 640

Split = tuple[Array, NDArray[np.int64]]
"""Inputs (samples, features) and labels (samples,)."""

Probe = Callable[[Network, Array, NDArray[np.int64], Settings], Mapping[str, Any]]


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
    data = dataset_of(settings.data)
    data.require_classes("continuous")
    keep_data(run, data)
    network = draw(settings, data)
    sweeps = LayerSweeps(network)
    memory = np.zeros((len(data.train), sweeps.size), network.dtype)
    arrays = network.parameters() | {MEMORY: memory}
    mean = copied(network) if settings.learning.average else None
    judge = LayerSweeps(mean) if mean else sweeps
    if mean:
        arrays |= {f"mean {name}": array for name, array in mean.parameters().items()}
    progress = Progress(0, Tally())
    if resume:
        saved, progress = restored(run, arrays, Tally)
        for name, array in arrays.items():
            array[...] = saved[name]
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    splits = {name: (part.inputs(network.dtype), part.labels) for name, part in parts.items()}
    quieted = np.errstate(over="ignore", invalid="ignore")  # what becomes of it is refused in a sentence
    with quieted, deferred_interrupt() as stop:

        def learn(epoch: int, tally: Tally) -> bool:
            finished = run_epoch(
                sweeps,
                memory,
                *splits["train"],
                settings,
                epoch=epoch,
                tally=tally,
                quiet=quiet,
                stop=stop,
                measure=measure,
                mean=mean,
            )
            refuse_lost_weights(network, epoch)
            return finished

        def evaluate(epoch: int, tally: Tally, history: Sequence[Row]) -> dict[str, Any]:
            return _evaluated(sweeps, judge, splits, settings, tally, epoch, measure, probe)

        progress = train_epochs(
            run,
            settings.training,
            progress,
            learn=learn,
            evaluate=evaluate,
            arrays=lambda: arrays,
            weights=judge.network.parameters,
            tally=Tally,
        )
        return summarised(run, settings.training, progress)


def draw(settings: Settings, data: Dataset) -> Network:
    """The network of a run before its first update.

    Raises:
        InputError: settings that do not fit the network.
    """
    rng = np.random.default_rng(settings.training.seed)
    return build(data.features, data.classes, settings.network, settings.learning, rng)


def _evaluated(
    sweeps: LayerSweeps,
    judge: LayerSweeps,
    splits: Mapping[str, Split],
    settings: Settings,
    tally: Tally,
    epoch: int,
    measure: Measure | None,
    probe: Probe | None,
) -> dict[str, Any]:
    """The epoch's row of metrics: errors in percent, mean sweeps a sample, largest residuals, what was measured."""
    started = time.perf_counter()
    validation, test = (outputs_of(judge, splits[part][0], settings) for part in ("validation", "test"))
    judged = Outputs.of([validation, test])
    gain = _largest_gain(sweeps, splits["train"][0], settings)
    row = {
        "epoch": epoch,
        "train_error": 100 * tally.errors / tally.samples,
        "validation_error": validation.error_rate(splits["validation"][1]),
        "test_error": test.error_rate(splits["test"][1]),
        "free_residual": tally.free_residual,
        "clamped_residual": tally.clamped_residual,
        "free_sweeps": tally.free_sweeps / tally.samples,
        "clamped_sweeps": tally.clamped_sweeps / tally.samples,
        "unconverged": tally.unconverged,
        "judged_unconverged": judged.unconverged,
        "judged_residual": judged.residual,
        "moved": tally.moved / tally.samples,
        "loop_gain": gain,
        "angles": {},
        "warnings": warnings_of(tally, judged, gain, settings),
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
