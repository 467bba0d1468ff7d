"""What is going wrong in training, in sentences that say what to change."""

from collections.abc import Mapping, Sequence

import numpy as np

from ctsigprop.datasets import Dataset
from ctsigprop.progress import Row


def warnings_of(row: Row, history: Sequence[Row], data: Dataset, rates: Mapping[str, float]) -> dict[str, str]:
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
