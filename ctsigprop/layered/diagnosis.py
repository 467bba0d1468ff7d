"""What is going wrong in training, in sentences that say what to change."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from ctsigprop.data import Dataset
from ctsigprop.errors import RunFailure
from ctsigprop.layered.learner import Learner
from ctsigprop.runs.rows import MetricsRow


def warnings_of(
    row: MetricsRow, history: Sequence[MetricsRow], data: Dataset, rates: Mapping[str, float]
) -> dict[str, str]:
    """What to change after a finished epoch, a sentence for each kind of trouble; empty where there is none.

    Nothing is said of the first epoch.

    Args:
        row: the epoch's metrics.
        history: those of the epochs before.
        data: of the run.
        rates: learning rates before they decay, by setting.
    """
    if not history:
        return {}
    found, remedy = {}, "change " + " or ".join(f"{name} = {rate:g}" for name, rate in rates.items())
    guessing = 100 * (1 - np.bincount(data.validation.labels).max() / len(data.validation))
    if row["validation_error"] >= guessing:
        found["chance"] = (
            f"the validation error, {row['validation_error']:.2f} %, is no better than always naming "
            f"the commonest class ({guessing:.2f} %): {remedy}"
        )
    rising = [name for name, loss in row["losses"].items() if loss > history[0]["losses"][name]]
    if rising:
        found["rising"] = f"the loss of {', '.join(rising)} is above that of the first epoch: {remedy}"
    return found


def refuse_lost_weights(learner: Learner, epoch: int, rates: Iterable[str]) -> None:
    """Refuse a learner that holds NaN or infinity.

    Args:
        learner: that has learned.
        epoch: that has ended.
        rates: settings of the learning rates, for a refusal.

    Raises:
        RunFailure: naming the first stage that holds NaN or infinity.
    """
    for stage in learner.stages:
        if not all(value.isfinite().all() for value in stage.state_dict().values()):
            remedy = f"lower {' or '.join(rates)} and train anew"
            raise RunFailure(f"{stage.name}: a weight is no longer finite in epoch {epoch}: {remedy}")
