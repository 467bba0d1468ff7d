"""What a pass over samples adds up: in training, and when outputs are judged."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.equilibrium import Equilibrium, LayerSweeps
from ctsigprop.continuous.learning.phases import Contrast, unconverged
from ctsigprop.continuous.network import Array
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.samples import Samples
from ctsigprop.continuous.stepping import timed_phase
from ctsigprop.errors import RunFailure
from ctsigprop.runs.rows import Early
from ctsigprop.settings import Settings, SolverSettings
from ctsigprop.settings.device import IDEAL, TO_REST, DeviceSettings, PhaseSettings

JUDGED = 0
"""Seeds the noise of a device whose outputs are judged."""


@dataclass
class Tally:
    """What an epoch adds up, batch by batch.

    Attributes:
        samples: samples seen.
        errors: their errors in the free phase, before their update, summed; see `Samples`.
        moved: of them, moved by nudging.
        unconverged: phases that ended above the tolerance.
        free_sweeps: sweeps of all free phases.
        clamped_sweeps: sweeps of all clamped phases.
        free_residual: largest relative residual of a free phase.
        clamped_residual: largest relative residual of a clamped phase.
        highest: highest state that each output neuron reached in a free phase.
        seconds: spent so far.
        early: what callbacks measured within the epoch.
    """

    samples: int = 0
    errors: float = 0
    moved: int = 0
    unconverged: int = 0
    free_sweeps: int = 0
    clamped_sweeps: int = 0
    free_residual: float = 0.0
    clamped_residual: float = 0.0
    highest: list[float] = field(default_factory=list)
    seconds: float = 0.0
    early: list[Early] = field(default_factory=list)

    def add(self, free: Equilibrium, pair: Contrast, errors: NDArray[Any], tolerance: float) -> None:
        """Count a batch in, with the error of each of its samples."""
        self.samples += len(errors)
        self.errors += errors.sum().item()
        self.moved += len(pair.rows)
        self.unconverged += unconverged(free, pair, tolerance)
        self.free_sweeps += int(free.sweeps.sum())
        self.clamped_sweeps += int(pair.sweeps.sum())
        self.free_residual = max(self.free_residual, float(free.residual.max()))
        self.clamped_residual = max(self.clamped_residual, float(pair.residual.max(initial=0)))
        highest = free.output.max(axis=0)
        self.highest = np.maximum(highest, self.highest).tolist() if self.highest else highest.tolist()


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
        feedback = "" if ("network", "feedback_gain") in settings.inactive else ", network.feedback_gain"
        remedy = f"before anything was learned: lower {step}network.output_gain{feedback} or nudging.beta"
    raise RunFailure(f"states are no longer finite, {remedy}")


@dataclass(frozen=True, eq=False)
class Outputs:
    """Free phases from zero.

    Attributes:
        states: of the output neurons, (samples, outputs).
        unconverged: phases that ended above the tolerance.
        residual: the largest of a phase.
    """

    states: Array
    unconverged: int
    residual: float

    def error_of(self, samples: Samples) -> float:
        """The mean error of the samples: percent of wrong classes, or of a regression the mean square."""
        return samples.scale * float(samples.errors(self.states).mean())

    @classmethod
    def of(cls, parts: Sequence["Outputs"]) -> "Outputs":
        """Several as one."""
        return cls(
            np.concatenate([part.states for part in parts]),
            sum(part.unconverged for part in parts),
            float(np.max([part.residual for part in parts])),
        )


def outputs_of(
    sweeps: LayerSweeps,
    inputs: Array,
    solver: SolverSettings,
    batch: int = 1000,
    phases: PhaseSettings = TO_REST,
    device: DeviceSettings = IDEAL,
) -> Outputs:
    """Outputs at the ends of free phases of `inputs` (samples, features), `batch` samples at a time."""
    parts, rng = [], np.random.default_rng(JUDGED)
    tolerance = inf if phases.timed else solver.tolerance
    for start in range(0, len(inputs), batch):
        drive = sweeps.drive(inputs[start : start + batch])
        begin = sweeps.at_rest(len(inputs[start : start + batch]))
        free = relax(sweeps, drive, begin, solver, timed=timed_phase(phases, device, phases.free, rng))
        unrested = int((~(free.residual <= tolerance)).sum())
        parts.append(Outputs(free.output, unrested, float(free.residual.max())))
    return Outputs.of(parts)
