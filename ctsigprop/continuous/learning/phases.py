"""The clamped phase, and the contrast between equilibria that Eq. 14 learns from."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.equilibrium import Equilibrium, LayerSweeps
from ctsigprop.continuous.network import Array, Nudge, Rows
from ctsigprop.continuous.relaxation import relax
from ctsigprop.settings import NudgingSettings, SolverSettings


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
    """

    rows: NDArray[np.int64]
    free: tuple[Array, ...]
    plus: tuple[Array, ...]
    minus: tuple[Array, ...]
    span: Array
    sweeps: NDArray[np.int64]
    residual: Array


def clamped_phase(
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    free: Equilibrium,
    nudge: Nudge,
    solver: SolverSettings,
    samples: NDArray[np.int64] | None = None,
) -> tuple[NDArray[np.int64], Equilibrium]:
    """Relaxes from the free equilibrium under a nudge (Eq. 13 with beta).

    Args:
        sweeps: of the network.
        drive: constant inputs of the batch's phases.
        free: the free equilibria of the batch.
        nudge: one for each of `samples`.
        solver: how to reach the fixed points.
        samples: which of the batch are nudged, any of them more than once; each of them once if left out.

    Returns:
        The places in `samples` whose outputs move at all, and their equilibria. A sample whose output neurons
        stay where they are under the nudge keeps its free state exactly.
    """
    samples = np.arange(len(free.output)) if samples is None else samples
    at_rest = free.output[samples]
    outputs = at_rest.copy()
    sweeps.settle_outputs(free.output_net[samples], nudge, at_rest, outputs)
    moved = np.flatnonzero((outputs != at_rest).any(axis=1))
    rows = samples[moved]
    start = (*(layer[rows] for layer in free.states[:-1]), outputs[moved])
    moved_drive = [layer[rows] if len(layer) == len(free.output) else layer for layer in drive]
    return moved, relax(sweeps, moved_drive, start, solver, nudge[moved])


def contrast(
    sweeps: LayerSweeps,
    drive: Sequence[Array],
    free: Equilibrium,
    target: Array,
    nudging: NudgingSettings,
    solver: SolverSettings,
    rng: np.random.Generator,
) -> Contrast:
    """Runs the clamped phase, or both of them side by side where nudging is centered (Laborieux et al. 2021).

    Args:
        sweeps: of the network.
        drive: constant inputs of the batch's phases.
        free: the free equilibria of the batch.
        target: d of Eq. 13, (batch, classes).
        nudging: kind and beta.
        solver: how to reach the fixed points.
        rng: draws the signs of random-sign nudging.
    """
    batch = len(target)
    beta = np.full(batch, nudging.beta, target.dtype)
    if nudging.kind == "random-sign":
        beta[rng.random(batch) < 0.5] *= -1
    signs = (1, -1) if nudging.kind == "centered" else (1,)
    samples = np.tile(np.arange(batch), len(signs))
    nudge = Nudge(np.concatenate([sign * beta for sign in signs]), target[samples])
    moved, nudged = clamped_phase(sweeps, drive, free, nudge, solver, samples)
    rows = np.unique(samples[moved])
    spent = np.bincount(samples[moved], nudged.sweeps, batch).astype(np.int64)
    at_rest = free[rows].states
    plus, minus = (
        _replaced(at_rest, rows, samples[moved][part], nudged[part]) for part in (moved < batch, moved >= batch)
    )
    return Contrast(rows, at_rest, plus, minus, len(signs) * beta[rows], spent, nudged.residual)


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
    replaced = tuple(layer.copy() for layer in states)
    for layer, moved_layer in zip(replaced, nudged.states, strict=True):
        layer[places] = moved_layer
    return replaced
