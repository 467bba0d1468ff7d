"""The clamped phase, and the contrasts between equilibria that rules learn from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.diagnostics.adjoint import adjoint
from ctsigprop.continuous.equilibrium import Equilibrium, LayerSweeps
from ctsigprop.continuous.network import Array, Nudge, Rows
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.stepping import Timed, timed_phase
from ctsigprop.settings import NudgingSettings, SolverSettings
from ctsigprop.settings.continuous import FINEST_TOLERANCE
from ctsigprop.settings.device import IDEAL, TO_REST, DeviceSettings, PhaseSettings


@dataclass(frozen=True, eq=False)
class Batch:
    """Samples at their free equilibria, and what their clamped phases depend on.

    Attributes:
        sweeps: of the network.
        inputs: (batch, features).
        target: d of Eq. 13, (batch, outputs).
        drive: constant inputs of the phases.
        free: the free equilibria.
        nudging: kind and beta.
        solver: how to reach the fixed points.
        rng: draws the signs of random-sign nudging, and seeds of noise.
        phases: how long they last.
        device: that they run on.
    """

    sweeps: LayerSweeps
    inputs: Array
    target: Array
    drive: Sequence[Array]
    free: Equilibrium
    nudging: NudgingSettings
    solver: SolverSettings
    rng: np.random.Generator
    phases: PhaseSettings = TO_REST
    device: DeviceSettings = IDEAL

    @classmethod
    def relaxed(
        cls,
        sweeps: LayerSweeps,
        inputs: Array,
        target: Array,
        nudging: NudgingSettings,
        solver: SolverSettings,
        rng: np.random.Generator,
        start: Sequence[Array] | None = None,
        phases: PhaseSettings = TO_REST,
        device: DeviceSettings = IDEAL,
    ) -> Self:
        """Run the free phase, from states of layers 1 to N, each (batch, units), or from zero."""
        drive, begin = sweeps.drive(inputs), sweeps.at_rest(len(inputs)) if start is None else start
        free = relax(sweeps, drive, begin, solver, timed=timed_phase(phases, device, phases.free, rng))
        return cls(sweeps, inputs, target, drive, free, nudging, solver, rng, phases, device)


@dataclass(frozen=True, eq=False)
class Contrast:
    """Two equilibria of the samples that nudging moves; the others have nothing to learn from.

    Attributes:
        rows: indices of those samples in the batch, (moved,).
        free: their free states, layers 1 to N, each (moved, units).
        plus: nudged states, with +beta where nudging is centered, likewise.
        minus: states with -beta where nudging is centered, else the free states, likewise.
        span: beta of `plus` less that of `minus`, (moved,).
        sweeps: sweeps of the clamped phases for each sample of the batch, (batch,).
        residual: relative residual of each clamped phase that was run, (phases,).
        downhill: minus dL / dnet of layers 1 to N, each (moved, units), of a rule that has it solved for.
    """

    rows: NDArray[np.int64]
    free: tuple[Array, ...]
    plus: tuple[Array, ...]
    minus: tuple[Array, ...]
    span: Array
    sweeps: NDArray[np.int64]
    residual: Array
    downhill: tuple[Array, ...] | None = None


def clamped_phase(
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    free: Equilibrium,
    nudge: Nudge,
    solver: SolverSettings,
    samples: NDArray[np.int64] | None = None,
    timed: Timed | None = None,
    tolerance: Array | None = None,
) -> tuple[NDArray[np.int64], Equilibrium]:
    """Relaxes from the free equilibrium under a nudge (Eq. 13 with beta).

    Args:
        sweeps: of the network.
        drive: constant inputs of the batch's phases.
        free: the free equilibria of the batch.
        nudge: one for each of `samples`.
        solver: how to reach the fixed points.
        samples: which of the batch are nudged, any of them more than once; each of them once if left out.
        timed: of a phase that ends after a time.
        tolerance: of each sample of the batch, (batch,); the solver's by default.

    Returns:
        The places in `samples` whose outputs move at all, and their equilibria. A sample whose output neurons
        stay where they are under the nudge keeps its free state exactly. In a phase that ends after a time all move.
    """
    samples = np.arange(len(free.output)) if samples is None else samples
    at_rest, outputs = free.output[samples], nudged_outputs(sweeps, free, nudge, samples)
    moved = np.arange(len(samples)) if timed else np.flatnonzero((outputs != at_rest).any(axis=1))
    rows = samples[moved]
    begin = at_rest if timed and np.isfinite(nudge.beta).all() else outputs
    start = (*(layer[rows] for layer in free.states[:-1]), begin[moved])
    moved_drive = [layer[rows] if len(layer) == len(free.output) else layer for layer in drive]
    finest = None if tolerance is None else tolerance[rows]
    return moved, relax(sweeps, moved_drive, start, solver, nudge[moved], timed, finest)


def nudged_outputs(sweeps: LayerSweeps, free: Equilibrium, nudge: Nudge, samples: NDArray[np.int64]) -> Array:
    """Where the nudge alone brings the outputs of `samples`, their input as it is, (samples, outputs)."""
    at_rest = free.output[samples]
    outputs = at_rest.copy()
    sweeps.settle_outputs(free.output_net[samples], nudge, at_rest, outputs)
    return outputs


def contrast(batch: Batch) -> Contrast:
    """Run the clamped phase, or both of them side by side where nudging is centered (Laborieux et al. 2021)."""
    nudge = nudge_of(batch)
    if batch.nudging.kind == "centered":
        both = [nudge, Nudge(-nudge.beta, batch.target)]
        return between(batch, lambda outputs: both, 2 * nudge.beta)
    return between(batch, lambda outputs: [nudge], nudge.beta)


def nudge_of(batch: Batch) -> Nudge:
    """The pull of one clamped phase, towards the target, away from it or, by sample, at random."""
    nudging = batch.nudging
    sign = -1 if nudging.kind == "negative" else 1
    beta = np.full(len(batch.target), sign * nudging.beta, batch.target.dtype)
    if nudging.kind == "random-sign":
        beta[batch.rng.random(len(beta)) < 0.5] *= -1
    return Nudge(beta, batch.target)


def clamped_contrast(batch: Batch) -> Contrast:
    """Outputs are held at the target (Movellan 1991)."""
    held, once = np.full(len(batch.target), np.inf, batch.target.dtype), np.ones(len(batch.target), batch.target.dtype)
    return between(batch, lambda outputs: [Nudge(held, batch.target)], once)


def coupled_contrast(batch: Batch) -> Contrast:
    """Outputs are held on their way to the target, at o + beta (d - o) (Stern et al. 2021)."""
    held = np.full(len(batch.target), np.inf, batch.target.dtype)
    beta = np.full_like(held, batch.nudging.beta)
    return between(batch, lambda outputs: [Nudge(held, outputs + beta[:, None] * (batch.target - outputs))], beta)


def gradient_contrast(batch: Batch) -> Contrast:
    """No clamped phase: the gradient at the free equilibria, by implicit differentiation."""
    found = adjoint(batch.sweeps, batch.free.states, batch.target, batch.free.output_net)
    size = len(batch.target)
    downhill = tuple(-sensitivity for sensitivity in found.sensitivities)
    free, once = batch.free.states, np.ones(size, batch.target.dtype)
    return Contrast(np.arange(size), free, free, free, once, found.sweeps, found.residual, downhill)


def between(batch: Batch, pull: Callable[[Array], Sequence[Nudge]], span: Array) -> Contrast:
    """The contrast of one clamped phase and the free one, or of two clamped phases.

    Args:
        batch: at its free equilibria.
        pull: of free output states, (batch, outputs), one nudge or two, each of the whole batch.
        span: what the update is divided by, (batch,).
    """
    free, size = batch.free, len(batch.target)
    nudge = _joined(pull(free.output))
    samples = np.tile(np.arange(size), len(nudge.beta) // size)
    timed = timed_phase(batch.phases, batch.device, batch.phases.clamped, batch.rng)
    tolerance, before = None, np.zeros(size, np.int64)
    if timed is None and batch.solver.sweeps and batch.solver.displacement:
        free, tolerance, before = refined(batch, nudge, samples)
        nudge = _joined(pull(free.output))
    moved, nudged = clamped_phase(batch.sweeps, batch.drive, free, nudge, batch.solver, samples, timed, tolerance)
    rows = np.unique(samples[moved])
    spent = before + np.bincount(samples[moved], nudged.sweeps, size).astype(np.int64)
    at_rest = free[rows].states
    plus, minus = (
        _replaced(at_rest, rows, samples[moved][part], nudged[part]) for part in (moved < size, moved >= size)
    )
    return Contrast(rows, at_rest, plus, minus, span[rows], spent, nudged.residual)


def _joined(nudges: Sequence[Nudge]) -> Nudge:
    return Nudge(np.concatenate([one.beta for one in nudges]), np.concatenate([one.target for one in nudges]))


def refined(batch: Batch, nudge: Nudge, samples: NDArray[np.int64]) -> tuple[Equilibrium, Array, NDArray[np.int64]]:
    """Free equilibria as exact as the nudge's effect on them is small.

    The error of an update is that of its equilibria over their displacement by the nudge. So the residual of a sample
    that the nudge moves is brought to at most `solver.displacement` of what the nudge does to its outputs, |do| / |s|,
    as far as the precision resolves it.

    Args:
        batch: at its free equilibria.
        nudge: one for each of `samples`.
        samples: which of the batch are nudged.

    Returns:
        The free equilibria; the tolerance of each sample of the batch, for the clamped phases too; and the sweeps that
        each has taken here.
    """
    free, sweeps, solver, size = batch.free, batch.sweeps, batch.solver, len(batch.target)
    outputs = nudged_outputs(sweeps, free, nudge, samples)
    moves = np.zeros(size, free.output.dtype)
    np.maximum.at(moves, samples, np.linalg.norm(outputs - free.output[samples], axis=1))
    norms = np.sqrt(sum(np.vecdot(state, state) for state in free.states))
    finest = FINEST_TOLERANCE[sweeps.network.dtype.name]
    asked = np.clip(
        solver.displacement * moves / np.maximum(norms, np.finfo(norms.dtype).tiny), finest, solver.tolerance
    )
    asked = np.nan_to_num(asked, nan=solver.tolerance)  # of a state that is no longer finite
    rows = np.flatnonzero((moves > 0) & (free.residual > asked) & (free.residual <= solver.tolerance))
    taken = np.zeros(size, np.int64)
    if len(rows) == 0:
        return free, asked, taken
    drive = [layer[rows] if len(layer) == size else layer for layer in batch.drive]
    found = relax(sweeps, drive, [layer[rows] for layer in free.states], solver, tolerance=asked[rows])
    taken[rows] = found.sweeps
    states = tuple(_with_rows(layer, rows, own) for layer, own in zip(free.states, found.states, strict=True))
    net = _with_rows(free.output_net, rows, found.output_net)
    residual = _with_rows(free.residual, rows, found.residual)
    return Equilibrium(states, net, free.sweeps, residual, free.status), asked, taken


def _with_rows(array: Array, rows: NDArray[np.int64], own: Array) -> Array:
    changed = array.copy()
    changed[rows] = own
    return changed


def unconverged(free: Equilibrium, pair: Contrast, tolerance: float) -> int:
    """How many phases, free and clamped, ended above the tolerance or nowhere."""
    return sum(int((~(residual <= tolerance)).sum()) for residual in (free.residual, pair.residual))


def _replaced(states: tuple[Array, ...], rows: Rows, moved: Rows, nudged: Equilibrium) -> tuple[Array, ...]:
    """`states` of the samples `rows`, those of `moved` (a subset) replaced by the nudged ones."""
    if len(moved) == 0:
        return states
    if len(moved) == len(rows):
        return nudged.states
    places = np.searchsorted(rows, moved)
    return tuple(_with_rows(layer, places, own) for layer, own in zip(states, nudged.states, strict=True))
