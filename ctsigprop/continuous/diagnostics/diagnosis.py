"""What is going wrong in training, in sentences that say what to change."""

from collections.abc import Sequence

import numpy as np

from ctsigprop.continuous.epoch import Outputs, Tally
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.rho import RHOS
from ctsigprop.continuous.samples import Samples
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.settings import NudgingSettings, Settings, SolverSettings

TOLERATED = 1e-3
MANY = 20
"""Samples of a class that must all be missed before it counts as lost."""


def lost_classes(outputs: Outputs, samples: Samples) -> list[int]:
    """The classes of which no sample is recognised, of those that have MANY, once most are."""
    if samples.labels is None:
        return []
    right = outputs.states.argmax(axis=1) == samples.labels
    classes = outputs.states.shape[1]
    there, known = (np.bincount(labels, minlength=classes) for labels in (samples.labels, samples.labels[right]))
    lost = np.flatnonzero((there >= MANY) & (known == 0)).tolist()
    return lost if len(lost) <= classes / 3 else []  # a network that has not learned yet has not lost them


def warnings_of(
    tally: Tally, outputs: Outputs, gain: float, settings: Settings, lost: Sequence[int] = ()
) -> dict[str, str]:
    """What to change after a finished epoch, a sentence for each kind of trouble; empty where there is none.

    Args:
        tally: of the epoch.
        outputs: validation and test samples at its end.
        gain: largest loop gain found at the epoch's end.
        settings: of the run.
        lost: classes of which no validation sample is recognised.
    """
    found = {}
    learning, graph = settings.learning, settings.network.architecture == "graph"
    silent = [unit for unit, highest in enumerate(tally.highest) if highest <= 0]
    if silent and RHOS[settings.network.rho_of_outputs].bounds[0] == 0:
        gain_of = settings.network.output_gain
        found["silent_outputs"] = f"output units {silent} were silent for every sample and may not recover: lower " + (
            "the rate of the connection into the outputs, or its gain"
            if graph
            else f"the last of learning.rates = {list(learning.rates)}"
            + (f" or network.output_gain = {gain_of:g}" if gain_of else "")
        )
    elif lost:
        found["lost_classes"] = (
            f"classes {list(lost)} were recognised in none of their validation samples, though their outputs are not "
            "silent: lower "
            + (
                "the rate of the connection into the outputs"
                if graph
                else f"the last of learning.rates = {list(learning.rates)}"
            )
            + ", or train longer"
        )
    if tally.unconverged > TOLERATED * tally.samples:
        found["not_converged"] = (
            f"{tally.unconverged} phases of {tally.samples} samples did not converge (residual up to "
            f"{max(tally.free_residual, tally.clamped_residual):.1e}): {remedy(settings.solver)} "
            "or lower learning.rates"
        )
    if outputs.unconverged > TOLERATED * len(outputs.states):
        found["not_judged"] = (
            f"{outputs.unconverged} free phases of {len(outputs.states)} validation and test samples did not converge "
            f"(residual up to {outputs.residual:.1e}), which their errors depend on: {remedy(settings.solver)}"
        )
    if gain > 1:
        if graph:
            rate = "the rates of what feeds back"
        elif ("learning", "feedback_rate") in settings.inactive:
            rate = f"learning.rates = {list(learning.rates)}"
        else:
            rate = f"learning.feedback_rate = {learning.feedback_rate:g}"
        found["loop_gain"] = (
            f"the loop gain has passed 1 ({gain:.2f}): free phases may oscillate or have more than one end: "
            f"lower {rate} or raise learning.weight_decay"
        )
    return found


def remedy(solver: SolverSettings) -> str:
    """What lets a phase converge that has not."""
    if solver.sweeps:
        return f"raise solver.max_sweeps = {solver.max_sweeps}"
    step = f"lower solver.step = {solver.step:g} or " if solver.fixed_step else ""
    return f"{step}raise solver.longest = {solver.longest:g}"


def require_stiff_outputs(network: Network, nudging: NudgingSettings) -> None:
    """Pass a nudge that leaves the leak of every output positive, whatever its sign and the neuron's time constant.

    Raises:
        InputError: it does not, and outputs would run away from their targets.
    """
    least = float(network.leaks[-1].min())
    if nudging.kind != "positive" and nudging.beta >= least:
        raise InputError(
            f"nudging.beta = {nudging.beta}: must be below {least:.3g}, 1 over the largest time constant of an output, "
            f"with {nudging.kind} nudging"
        )


def refuse_lost_weights(network: Network, epoch: int) -> None:
    """Passes a network whose weights are all finite.

    Raises:
        RunFailure: naming the first matrix that holds NaN or infinity.
    """
    for name, values in network.parameters().items():
        if not np.isfinite(values).all():
            raise RunFailure(
                f"{name} is no longer finite in epoch {epoch}: lower learning.rates or nudging.beta and train anew"
            )
