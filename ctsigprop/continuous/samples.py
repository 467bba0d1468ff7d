"""Samples as the continuous family learns from them: inputs, targets, and the error of outputs."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.network import Array, Network
from ctsigprop.data import Dataset, Split


@dataclass(frozen=True, eq=False)
class Samples:
    """Inputs and what the outputs should be.

    Attributes:
        inputs: (samples, features).
        targets: d of Eq. 13, (samples, outputs): of a class, 1 for its unit and 0 for the others.
        labels: the classes, (samples,); None in a regression.
    """

    inputs: Array
    targets: Array
    labels: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, data: Dataset, part: Split, network: Network) -> Self:
        """The samples of a part of a dataset, as a network takes them in."""
        dtype = network.dtype
        inputs = network.layers[0].in_order(part.inputs(dtype))
        if data.task == "regression":
            return cls(inputs, part.targets.astype(dtype))
        return cls(inputs, np.eye(data.classes, dtype=dtype)[part.labels], part.labels)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def scale(self) -> float:
        """What mean errors are multiplied by: errors of classes are in percent."""
        return 1.0 if self.labels is None else 100.0

    def errors(self, outputs: Array, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[Any]:
        """The error of each sample, (samples,): whether its class is wrong, or the mean square over its outputs.

        Args:
            outputs: output states, (samples, outputs).
            rows: which samples they are of.
        """
        if self.labels is None:
            return (np.subtract(outputs, self.targets[rows], dtype=np.float64) ** 2).mean(axis=1)
        return outputs.argmax(axis=1) != self.labels[rows]
