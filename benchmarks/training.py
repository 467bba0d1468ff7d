"""An epoch of training beside PyTorch on the same layers, and beside the least that its products can cost.

The network comes from the checkpoints that the run of `experiments/configs/mnist.yaml` keeps. At each of them the
contestants train on the same batches in turns, chunk by chunk, in one process; seconds are scaled to an epoch. The
network before its first update counts as the checkpoint of epoch 0. The whole run is the sum over its epochs of what
the checkpoints measured, interpolated between them.

The floor counts, for every batch, the products of one pass over the network in the free phase and one in the
clamped phases (the rows that nudging moves), each at the rate that NumPy's matrix product reaches at that very shape,
and the updates made, each as fast as it is alone.
"""

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.benchmarks import torch_training
from ctsigprop.continuous import training
from ctsigprop.continuous.epoch import Tally
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.learning.phases import Batch, contrast
from ctsigprop.continuous.learning.update import learn
from ctsigprop.continuous.model import ContinuousModel
from ctsigprop.continuous.network import Array
from ctsigprop.continuous.products import add_outer
from ctsigprop.core.environment import environment
from ctsigprop.core.threads import set_threads
from ctsigprop.data import Dataset, load
from ctsigprop.errors import InputError
from ctsigprop.runs import RunFolder
from ctsigprop.runs.callbacks import Moment
from ctsigprop.runs.trainer import run_epoch
from ctsigprop.settings import DataSettings, Settings, SolverSettings, TrainingSettings

RUN = Path("runs/mnist")
CHUNKS, CHUNK_BATCHES, EULER_BATCHES = 7, 50, 2
COMPARED_BATCHES, PLAIN_SWEEPS = 20, 1000
FLOOR_REPEATS = 25


def run(quick: bool = False) -> dict[str, Any]:
    """Measures every kept checkpoint of the run in `runs/mnist`.

    Args:
        quick: a few epochs of digits instead, to see that the benchmark runs.

    Raises:
        InputError: there is no such run, or it kept no checkpoints.
    """
    if not quick:
        if not RUN.is_dir():
            raise InputError(f"{RUN}: no such run: first `ctsigprop train --config mnist --run-dir {RUN}`")
        return _measured(RunFolder.open(RUN), CHUNKS, CHUNK_BATCHES)
    settings = Settings(data=DataSettings("digits"), training=TrainingSettings(epochs=2, keep=(1, 2)))
    with tempfile.TemporaryDirectory() as folder, RunFolder.create(Path(folder), settings) as made:
        training.train(settings, made, quiet=True)
        return _measured(made, 2, 5)


def table(figures: dict[str, Any]) -> str:
    """The figures as text, a line for each checkpoint."""
    columns = {
        "ours": "ours_seconds",
        "Euler": "euler_seconds",
        "backprop": "backpropagation_seconds",
        "floor": "floor_seconds",
        "Euler/ours": "euler_ratio",
        "backprop/ours": "backpropagation_ratio",
        "ours/floor": "floor_ratio",
        "moved": "moved",
        "residual": "residual",
        "unconverged": "unconverged",
        "update": "update_difference",
    }
    lines = [
        "seconds for the epoch after that of the checkpoint",
        "epoch " + "".join(f"{title:>15}" for title in columns),
    ]
    for row in figures["checkpoints"]:
        lines.append(f"{row['epoch']:>5} " + "".join(f"{row[key]:>15.4g}" for key in columns.values()))
    whole = figures["whole_run"]
    lines.append(
        f"{figures['epochs']} epochs, interpolated: ours {whole['ours_seconds']:.0f} s, backpropagation "
        f"{whole['backpropagation_seconds']:.0f} s, backprop/ours {whole['backpropagation_ratio']:.2f}, "
        f"ours/floor {whole['floor_ratio']:.2f}"
    )
    return "\n".join(lines)


def _measured(source: RunFolder, chunks: int, batches: int) -> dict[str, Any]:
    settings = source.settings_of(Settings)
    _check_comparable(source, settings)
    set_threads(settings.training.threads)
    data = load(settings.data.name, limit=settings.data.limit)
    inputs = data.train.inputs(settings.network.precision)
    needed = (chunks + 1) * batches * settings.training.batch_size
    if len(inputs) < needed:
        raise InputError(f"{source.path}: trains on {len(inputs)} samples: the benchmark needs {needed}")
    kept = [0, *settings.training.keep]
    rows = [_row(source, epoch, settings, data, inputs, chunks, batches) for epoch in kept]
    epochs_before = np.arange(settings.training.epochs)

    def over_the_run(key: str) -> float:
        return float(np.interp(epochs_before, kept, [row[key] for row in rows]).sum())

    totals = {key: over_the_run(f"{key}_seconds") for key in ("ours", "backpropagation", "floor")}
    return {
        "checkpoints": rows,
        "epochs": settings.training.epochs,
        "whole_run": {
            **{f"{key}_seconds": seconds for key, seconds in totals.items()},
            "backpropagation_ratio": totals["backpropagation"] / totals["ours"],
            "floor_ratio": totals["ours"] / totals["floor"],
        },
        **environment(),
    }


def _check_comparable(source: RunFolder, settings: Settings) -> None:
    """Passes a run whose network the contestants can be built from.

    Raises:
        InputError: naming the setting that is in the way.
    """
    needed = {
        "network.architecture": (settings.network.architecture, "sigprop_loop"),
        "network.loops": (settings.network.looped, (1,)),
        "network.rho": (settings.network.rho, "hard_sigmoid"),
        "network.time_constant": (settings.network.time_constant, 1.0),
        "nudging.kind": (settings.nudging.kind, "positive"),
    }
    for name, (value, allowed) in needed.items():
        if value != allowed:
            raise InputError(f"{source.path}: {name} = {value!r}: the benchmark compares networks with {allowed!r}")
    if not settings.training.keep:
        raise InputError(f"{source.path}: kept no checkpoints: train with --training.keep '[1, 10, 60]'")


def _row(
    source: RunFolder,
    epoch: int,
    settings: Settings,
    data: Dataset,
    inputs: Array,
    chunks: int,
    batches: int,
) -> dict[str, Any]:
    """All contestants from one checkpoint, on the batches of the epoch that follows it."""
    size, count = settings.training.batch_size, len(inputs)
    network = training.draw(settings, data)
    model = ContinuousModel(network, data, settings)
    sweeps, memory = model.sweeps, model.memory
    if epoch > 0:
        saved, _ = source.load_checkpoint(f"epoch-{epoch}", like=model.state())
        model.load_state(saved)
    order = np.random.default_rng([settings.training.seed, epoch + 1]).permutation(count)
    labels = data.train.labels
    update = _update_difference(sweeps, memory, inputs, labels, order, settings)

    euler = torch_training.EulerPhases(network, settings.nudging.beta)
    backpropagation = torch_training.Backpropagation(network)
    spent: dict[str, list[float]] = {"ours": [], "euler": [], "backpropagation": [], "floor": []}
    tally = Tally()
    for chunk in range(chunks + 1):
        end = min((chunk + 1) * batches * size, count)
        starts = range(chunk * batches * size, end, size)
        picked = [(inputs[order[k : k + size]], labels[order[k : k + size]]) for k in starts]
        moved_at: list[int] = []

        def at_end(moved_at: list[int] = moved_at, end: int = end) -> bool:
            moved_at.append(tally.moved)
            return tally.samples >= end

        moment = Moment(model, epoch + 1, settings.training.epochs, model.batches, tally, [])
        spent["ours"].append(_seconds(partial(run_epoch, model, moment, (), at_end, quiet=True)) / len(picked))
        spent["backpropagation"].append(_seconds(partial(_each, backpropagation.step, picked)) / len(picked))
        few = picked[:EULER_BATCHES]
        spent["euler"].append(_seconds(partial(_each, euler.step, few)) / len(few))
        spent["floor"].append(_floor(sweeps, size, np.diff([*moved_at, tally.moved][: len(picked) + 1])))
    seconds = {name: median(values[1:]) * count / size for name, values in spent.items()}
    return {
        "epoch": epoch,
        **{f"{name}_seconds": value for name, value in seconds.items()},
        "euler_ratio": seconds["euler"] / seconds["ours"],
        "backpropagation_ratio": seconds["backpropagation"] / seconds["ours"],
        "floor_ratio": seconds["ours"] / seconds["floor"],
        "moved": tally.moved / tally.samples,
        "residual": max(tally.free_residual, tally.clamped_residual),
        "unconverged": tally.unconverged,
        "update_difference": update,
    }


def _floor(sweeps: LayerSweeps, size: int, moved: NDArray[np.int64]) -> float:
    """Mean seconds a batch of one pass a phase and the update, for batches that moved so many rows."""
    network = sweeps.network
    recurrent = [link.weight for found in (sweeps.forward, sweeps.feedback) for k in found for link in found[k]]
    first = [link.weight for link in sweeps.input_links]
    learning = [connection.matrix for connection in network.connections if connection.rate]
    seconds = {0: 0.0}
    for rows in set(moved.tolist()) - {0}:
        seconds[rows] = sum(_product_seconds(rows, weight) for weight in recurrent)
        seconds[rows] += sum(_update_seconds(rows, weight) for weight in learning)
    free = sum(_product_seconds(size, weight) for weight in first + recurrent)
    return free + float(np.mean([seconds[rows] for rows in moved.tolist()]))


def _product_seconds(rows: int, weight: Array) -> float:
    states = np.ones((rows, weight.shape[0]), weight.dtype)
    result = np.empty((rows, weight.shape[1]), weight.dtype)
    return median(_seconds(partial(np.matmul, states, weight, out=result)) for _ in range(FLOOR_REPEATS))


def _update_seconds(rows: int, weight: Array) -> float:
    pre, post = (np.zeros((rows, units), weight.dtype) for units in weight.shape)
    return median(_seconds(partial(add_outer, weight, pre, post, 1.0, 1.0)) for _ in range(FLOOR_REPEATS))


def _update_difference(
    sweeps: LayerSweeps,
    memory: Array,
    inputs: Array,
    labels: NDArray[np.int64],
    order: NDArray[np.int64],
    settings: Settings,
) -> float:
    """Relative difference of the updates of some batches from those of plain sweeps from zero.

    Both are run to the residual of the settings; the network is left as it was.
    """
    size = settings.training.batch_size
    batches = [order[k : k + size] for k in range(0, COMPARED_BATCHES * size, size)]
    plain = replace(settings.solver, method="sweeps", max_sweeps=PLAIN_SWEEPS)
    warm = _updates(sweeps, inputs, labels, batches, settings, settings.solver, lambda rows: memory[rows])
    cold = _updates(sweeps, inputs, labels, batches, settings, plain, lambda rows: np.zeros_like(memory[rows]))
    misses = sum(float(np.sum((a - b) ** 2)) for a, b in zip(warm, cold, strict=True))
    return float(np.sqrt(misses / sum(float(np.sum(b**2)) for b in cold)))


def _updates(
    sweeps: LayerSweeps,
    inputs: Array,
    labels: NDArray[np.int64],
    batches: Sequence[NDArray[np.int64]],
    settings: Settings,
    solver: SolverSettings,
    start: Callable[[NDArray[np.int64]], Array],
) -> list[Array]:
    """What each parameter would change by in these batches, all of them from the same weights."""
    network = sweeps.network
    before = {name: values.copy() for name, values in network.parameters().items()}
    targets = np.eye(network.sizes[-1], dtype=network.dtype)
    rng = np.random.default_rng(0)
    changes = {name: np.zeros_like(values) for name, values in before.items()}
    for rows in batches:
        before_batch = sweeps.states_from(start(rows))
        nudging, target = settings.nudging, targets[labels[rows]]
        batch = Batch.relaxed(sweeps, inputs[rows], target, nudging, solver, rng, before_batch)
        learn(network, inputs[rows], contrast(batch))
        for name, values in network.parameters().items():
            changes[name] += values - before[name]
        network.load(before)
    return list(changes.values())


def _each(step: Callable[[Array, NDArray[np.int64]], None], pairs: Sequence[tuple[Array, NDArray[np.int64]]]) -> None:
    for pair in pairs:
        step(*pair)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
