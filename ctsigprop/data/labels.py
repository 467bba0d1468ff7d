"""Class labels as every format's reader hands them on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctsigprop.data.files import MalformedFile


def checked_labels(path: Path, labels: NDArray[np.uint8], low: int, high: int) -> NDArray[np.int64]:
    """Labels as int64, none outside `low` to `high`.

    Raises:
        MalformedFile: A label is out of range; the first one is named.
    """
    wrong = np.flatnonzero((labels < low) | (labels > high))
    if wrong.size:
        sample = int(wrong[0])
        raise MalformedFile(path, f"labels {low} to {high}", f"label {labels[sample]} at sample {sample}")
    return labels.astype(np.int64)
