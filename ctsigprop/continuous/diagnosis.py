"""What is going wrong in training, in sentences that say what to change."""

from collections.abc import Iterator

import numpy as np

from ctsigprop.continuous.epoch import Tally
from ctsigprop.continuous.network import Network
from ctsigprop.errors import RunFailure
from ctsigprop.settings import Settings

CLIPPED_BELOW = frozenset({"hard_sigmoid", "rectifier"})


def warnings_of(tally: Tally, gain: float, settings: Settings) -> Iterator[str]:
    """Warnings about a finished epoch, one line each.

    Args:
        tally: of the epoch.
        gain: largest loop gain found at the epoch's end.
        settings: of the run.
    """
    silent = [unit for unit, highest in enumerate(tally.highest) if highest <= 0]
    if silent and settings.network.rho in CLIPPED_BELOW:
        yield (
            f"output units {silent} were silent for every sample and cannot recover: lower the last of "
            f"learning.rates = {list(settings.learning.rates)} or network.output_gain = {settings.network.output_gain:g}"
        )
    if tally.unconverged:
        yield (
            f"{tally.unconverged} phases of {tally.samples} samples did not converge (residual up to "
            f"{max(tally.free_residual, tally.clamped_residual):.1e}): raise solver.max_sweeps = "
            f"{settings.solver.max_sweeps} or lower learning.rates"
        )
    if gain > 1:
        yield (
            f"the loop gain has passed 1 ({gain:.2f}): free phases may oscillate or have more than one end: "
            f"lower learning.feedback_rate = {settings.learning.feedback_rate:g} or raise learning.weight_decay"
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
