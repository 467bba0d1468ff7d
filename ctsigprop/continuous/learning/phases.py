"""The clamped phase, and the contrasts between equilibria that rules learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.diagnostics.adjoint import adjoint
from ctsigprop.continuous.equilibrium import Equilibrium, LayerSweeps
from ctsigprop.continuous.network import Array, Nudge, Rows
from ctsigprop.continuous.relaxation import relax
from ctsigprop.settings import NudgingSettings, SolverSettings

SIGNS = {"positive": (1,), "negative": (-1,), "random-sign": (1,), "centered": (1, -1)}
"""Of beta, in the clamped phases of each kind of nudging."""


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
        rng: draws the signs of random-sign nudging.
    """

    sweeps: LayerSweeps
    inputs: Array
    target: Array
    drive: Sequence[Array]
    free: Equilibrium
    nudging: NudgingSettings
    solver: SolverSettings
    rng: np.random.Generator

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
    ) -> Self:
        """Run the free phase, from states of layers 1 to N, each (batch, units), or from zero."""
        drive = sweeps.drive(inputs)
        free = relax(sweeps, drive, sweeps.at_rest(len(inputs)) if start is None else start, solver)
        return cls(sweeps, inputs, target, drive, free, nudging, solver, rng)


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


def contrast(batch: Batch) -> Contrast:
    """Run the clamped phase, or both of them side by side where nudging is centered (Laborieux et al. 2021)."""
    nudging, size = batch.nudging, len(batch.target)
    beta = np.full(size, nudging.beta, batch.target.dtype)
    if nudging.kind == "random-sign":
        beta[batch.rng.random(size) < 0.5] *= -1
    signs = SIGNS[nudging.kind]
    return between(batch, [Nudge(sign * beta, batch.target) for sign in signs], sum(map(abs, signs)) * signs[0] * beta)


def clamped_contrast(batch: Batch) -> Contrast:
    """Outputs are held at the target (Movellan 1991)."""
    held, once = np.full(len(batch.target), np.inf, batch.target.dtype), np.ones(len(batch.target), batch.target.dtype)
    return between(batch, [Nudge(held, batch.target)], once)


def coupled_contrast(batch: Batch) -> Contrast:
    """Outputs are held on their way to the target, at o + beta (d - o) (Stern et al. 2021)."""
    held = np.full(len(batch.target), np.inf, batch.target.dtype)
    beta = np.full_like(held, batch.nudging.beta)
    outputs = batch.free.output
    return between(batch, [Nudge(held, outputs + beta[:, None] * (batch.target - outputs))], beta)


def gradient_contrast(batch: Batch) -> Contrast:
    """No clamped phase: the gradient at the free equilibria, by implicit differentiation."""
    found = adjoint(batch.sweeps, batch.free.states, batch.target, batch.free.output_net)
    size = len(batch.target)
    downhill = tuple(-sensitivity for sensitivity in found.sensitivities)
    free, once = batch.free.states, np.ones(size, batch.target.dtype)
    return Contrast(np.arange(size), free, free, free, once, found.sweeps, found.residual, downhill)


def between(batch: Batch, nudges: Sequence[Nudge], span: Array) -> Contrast:
    """The contrast of one clamped phase and the free one, or of two clamped phases.

    Args:
        batch: at its free equilibria.
        nudges: one or two, each of the whole batch.
        span: what the update is divided by, (batch,).
    """
    free, size = batch.free, len(batch.target)
    samples = np.tile(np.arange(size), len(nudges))
    nudge = Nudge(*(np.concatenate(parts) for parts in zip(*((one.beta, one.target) for one in nudges), strict=True)))
    moved, nudged = clamped_phase(batch.sweeps, batch.drive, free, nudge, batch.solver, samples)
    rows = np.unique(samples[moved])
    spent = np.bincount(samples[moved], nudged.sweeps, size).astype(np.int64)
    at_rest = free[rows].states
    plus, minus = (
        _replaced(at_rest, rows, samples[moved][part], nudged[part]) for part in (moved < size, moved >= size)
    )
    return Contrast(rows, at_rest, plus, minus, span[rows], spent, nudged.residual)


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
