"""A layer of neurons."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctsigprop.continuous.rho import RHOS, Rho
from ctsigprop.errors import InputError
from ctsigprop.settings import require_rate

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Layer:
    """The neurons of one layer.

    Attributes:
        units: how many.
        rho: firing-rate function, or the name of one in `RHOS`.
        time_constant: leak time constant r, one for all or one for each neuron (units,); dimensionless.
        bias_rate: learning rate of the biases; that of the first connection from below by default.

    Raises:
        InputError: a value that cannot be used.
    """

    units: int
    rho: str | Rho = "hard_sigmoid"
    time_constant: ArrayLike = 1.0
    bias_rate: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.units, int | np.integer) or isinstance(self.units, bool) or self.units < 1:
            raise InputError(f"units = {self.units!r}: must be a whole number, at least 1")
        object.__setattr__(self, "rho", RHOS.of(self.rho))
        if not isinstance(self.rho, Rho):
            raise InputError(f"rho = {self.rho!r}: must be a Rho, or one of {', '.join(RHOS)}")
        constants = np.asarray(self.time_constant, np.float64)
        if constants.shape not in ((), (self.units,)) or not (np.isfinite(constants) & (constants > 0)).all():
            raise InputError(
                f"time_constant of shape {constants.shape}: must be one number above 0, or {self.units} of them"
            )
        require_rate("bias_rate", self.bias_rate)

    @property
    def function(self) -> Rho:
        """The firing-rate function."""
        assert isinstance(self.rho, Rho)
        return self.rho

    def leak(self, dtype: np.dtype) -> Array:
        """1 / r of every neuron, (units,)."""
        return np.broadcast_to(1 / np.asarray(self.time_constant, np.float64), (self.units,)).astype(dtype)

    def __repr__(self) -> str:
        return f"Layer({self.units}, rho={self.function.name!r})"
