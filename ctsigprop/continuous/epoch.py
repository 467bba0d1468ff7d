"""One pass over the training samples, and what it adds up."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.averaging import TAKEN, take_into
from ctsigprop.continuous.equilibrium import Equilibrium, LayerSweeps
from ctsigprop.continuous.learning import learn
from ctsigprop.continuous.network import Array, Network
from ctsigprop.continuous.phases import Contrast, contrast, unconverged
from ctsigprop.continuous.relaxation import relax
from ctsigprop.errors import RunFailure
from ctsigprop.progress import epoch_bar
from ctsigprop.settings import Settings

Measure = Callable[[Network], Mapping[str, Any]]
"""Gives fields of a row of metrics."""


@dataclass
class Tally:
    """What an epoch adds up, batch by batch.

    Attributes:
        samples: samples seen.
        errors: of them, classified wrongly in the free phase, before their update.
        moved: of them, moved by nudging.
        unconverged: phases that ended above the tolerance.
        free_sweeps: sweeps of all free phases.
        clamped_sweeps: sweeps of all clamped phases.
        free_residual: largest relative residual of a free phase.
        clamped_residual: largest relative residual of a clamped phase.
        highest: highest state that each output neuron reached in a free phase.
        seconds: spent so far.
        early: what was measured within the epoch: `batch` and `epoch` (its fraction), both before the batch's update,
            and the fields that the measure gave.
    """

    samples: int = 0
    errors: int = 0
    moved: int = 0
    unconverged: int = 0
    free_sweeps: int = 0
    clamped_sweeps: int = 0
    free_residual: float = 0.0
    clamped_residual: float = 0.0
    highest: list[float] = field(default_factory=list)
    seconds: float = 0.0
    early: list[dict[str, Any]] = field(default_factory=list)

    def add(self, free: Equilibrium, pair: Contrast, labels: NDArray[np.int64], tolerance: float) -> None:
        """Counts a batch in."""
        self.samples += len(labels)
        self.errors += int((free.output.argmax(axis=1) != labels).sum())
        self.moved += len(pair.rows)
        self.unconverged += unconverged(free, pair, tolerance)
        self.free_sweeps += int(free.sweeps.sum())
        self.clamped_sweeps += int(pair.sweeps.sum())
        self.free_residual = max(self.free_residual, float(free.residual.max()))
        self.clamped_residual = max(self.clamped_residual, float(pair.residual.max(initial=0)))
        highest = free.output.max(axis=0)
        self.highest = np.maximum(highest, self.highest).tolist() if self.highest else highest.tolist()


def run_epoch(
    sweeps: LayerSweeps,
    memory: Array,
    inputs: Array,
    labels: NDArray[np.int64],
    settings: Settings,
    *,
    epoch: int,
    tally: Tally,
    quiet: bool,
    stop: Callable[[], bool],
    measure: Measure | None = None,
    mean: Network | None = None,
    note: str = "",
) -> bool:
    """Learns from those samples of an epoch that `tally` has not seen yet.

    The order of the samples and the signs of random-sign nudging depend on seed and epoch alone.

    Args:
        sweeps: of the network that learns.
        memory: feeding-back states of every training sample's last free phase, (samples, units); kept up to date.
        inputs: all training inputs, (samples, features).
        labels: their classes, (samples,).
        settings: of the run.
        epoch: number of the epoch, from 1.
        tally: of the epoch so far; kept up to date.
        quiet: show no progress bar.
        stop: asked before each batch.
        measure: asked within the first epoch, before `probe.early` evenly spread updates.
        mean: of the weights over learning.average epochs; kept up to date.
        note: beside the progress bar.

    Returns:
        Whether the epoch came to its end.

    Raises:
        RunFailure: a state is no longer finite.
    """
    network = sweeps.network
    count, size = len(inputs), settings.training.batch_size
    order = np.random.default_rng([settings.training.seed, epoch]).permutation(count)
    targets = np.eye(network.sizes[-1], dtype=network.dtype)
    rate_factor = settings.learning.decay ** (epoch - 1)
    batches = -(-count // size)
    early = _spread(settings.probe.early, batches) if measure and epoch == 1 else ()
    averaged = sorted(_spread(TAKEN, batches))
    before = time.perf_counter() - tally.seconds
    with epoch_bar(count, tally.samples, epoch, settings.training.epochs, quiet=quiet, note=note) as bar:
        for start in range(tally.samples, count, size):
            if stop():
                return False
            if measure and start // size in early:
                tally.early.append({"batch": start // size, "epoch": start // size / batches, **measure(network)})
            batch = order[start : start + size]
            x = inputs[batch]
            drive = sweeps.drive(x)
            free = relax(sweeps, drive, sweeps.states_from(memory[batch]), settings.solver)
            if settings.solver.start == "last":
                memory[batch] = sweeps.unknowns(free.states)
            signs = np.random.default_rng([settings.training.seed, epoch, start + 1])
            pair = contrast(sweeps, drive, free, targets[labels[batch]], settings.nudging, settings.solver, signs)
            refuse_lost_states(free, pair, settings, epoch, tally.samples)
            learn(network, x, pair, rate_factor=rate_factor, weight_decay=settings.learning.weight_decay)
            if mean and start // size in averaged:
                taken = (epoch - 1) * len(averaged) + averaged.index(start // size)
                take_into(mean, network, taken, settings.learning.average * len(averaged))
            tally.add(free, pair, labels[batch], settings.solver.tolerance)
            tally.seconds = time.perf_counter() - before
            bar.update(len(batch))
            bar.set_postfix_str(f"train error {100 * tally.errors / tally.samples:.2f} %", refresh=False)
    return True


def _spread(times: int, batches: int) -> set[int]:
    """Numbers of `times` batches from the first, as evenly spread as whole numbers are."""
    return {place * batches // times for place in range(times)}


def refuse_lost_states(free: Equilibrium, pair: Contrast, settings: Settings, epoch: int, seen: int) -> None:
    """Passes the phases of a batch whose states are all finite.

    Args:
        free: its free phases.
        pair: its clamped phases.
        settings: of the run.
        epoch: number of the epoch, from 1.
        seen: samples of the epoch that were learned before.

    Raises:
        RunFailure: a state is not.
    """
    if np.isfinite(free.residual).all() and np.isfinite(pair.residual).all():
        return
    if seen or epoch > 1:
        remedy = f"{seen} samples into epoch {epoch}: lower learning.rates or nudging.beta and train anew"
    else:
        step = f"solver.step = {settings.solver.step:g}, " if settings.solver.fixed_step else ""
        feedback = "" if ("network", "feedback_gain") in settings.unused else ", network.feedback_gain"
        remedy = f"before anything was learned: lower {step}network.output_gain{feedback} or nudging.beta"
    raise RunFailure(f"states are no longer finite, {remedy}")


@dataclass(frozen=True, eq=False)
class Outputs:
    """Free phases from zero.

    Attributes:
        states: of the output neurons, (samples, classes).
        unconverged: phases that ended above the tolerance.
        residual: the largest of a phase.
    """

    states: Array
    unconverged: int
    residual: float

    def error_rate(self, labels: NDArray[np.int64]) -> float:
        """Percent of samples whose most active output is not their label, one of `labels` (samples,)."""
        return 100 * float((self.states.argmax(axis=1) != labels).mean())

    @classmethod
    def of(cls, parts: Sequence["Outputs"]) -> "Outputs":
        """Several as one."""
        return cls(
            np.concatenate([part.states for part in parts]),
            sum(part.unconverged for part in parts),
            float(np.max([part.residual for part in parts])),
        )


def outputs_of(sweeps: LayerSweeps, inputs: Array, settings: Settings, batch: int = 1000) -> Outputs:
    """Outputs at the free equilibria of `inputs` (samples, features), `batch` samples at a time."""
    parts = []
    for start in range(0, len(inputs), batch):
        drive = sweeps.drive(inputs[start : start + batch])
        free = relax(sweeps, drive, sweeps.at_rest(len(drive[0])), settings.solver)
        unrested = int((~(free.residual <= settings.solver.tolerance)).sum())
        parts.append(Outputs(free.output, unrested, float(free.residual.max())))
    return Outputs.of(parts)
