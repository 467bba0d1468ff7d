"""What is going wrong in training, in sentences that say what to change."""

import numpy as np

from ctsigprop.continuous.activations import BOUNDS
from ctsigprop.continuous.epoch import Tally
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.relaxation import SWEEP_METHODS
from ctsigprop.errors import RunFailure
from ctsigprop.settings import Settings, SolverSettings

TOLERATED = 1e-3


def warnings_of(tally: Tally, gain: float, settings: Settings) -> dict[str, str]:
    """What to change after a finished epoch, a sentence for each kind of trouble; empty where there is none.

    Args:
        tally: of the epoch.
        gain: largest loop gain found at the epoch's end.
        settings: of the run.
    """
    found = {}
    learning = settings.learning
    silent = [unit for unit, highest in enumerate(tally.highest) if highest <= 0]
    if silent and BOUNDS[settings.network.rho][0] == 0:
        found["silent_outputs"] = (
            f"output units {silent} were silent for every sample and may not recover: lower the last of "
            f"learning.rates = {list(learning.rates)} or network.output_gain = {settings.network.output_gain:g}"
        )
    if tally.unconverged > TOLERATED * tally.samples:
        found["not_converged"] = (
            f"{tally.unconverged} phases of {tally.samples} samples did not converge (residual up to "
            f"{max(tally.free_residual, tally.clamped_residual):.1e}): raise {_cap(settings.solver)} "
            "or lower learning.rates"
        )
    if gain > 1:
        found["loop_gain"] = (
            f"the loop gain has passed 1 ({gain:.2f}): free phases may oscillate or have more than one end: "
            f"lower learning.feedback_rate = {learning.feedback_rate:g} or raise learning.weight_decay"
        )
    return found


def _cap(solver: SolverSettings) -> str:
    if solver.method in SWEEP_METHODS:
        return f"solver.max_sweeps = {solver.max_sweeps}"
    return f"solver.longest = {solver.longest:g}"


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
