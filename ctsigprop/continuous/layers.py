"""A layer of neurons."""

from dataclasses import dataclass
from math import prod
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctsigprop.continuous.rho import RHOS, Rho
from ctsigprop.errors import InputError
from ctsigprop.settings import require_rate
from ctsigprop.settings.graph import MOST_UNITS

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Layer:
    """The neurons of one layer.

    Those of a layer of images stand in the order of rows, columns, channels.

    Attributes:
        units: how many; or, of a layer of images, (channels, height, width).
        rho: firing-rate function, or the name of one in `RHOS`.
        time_constant: leak time constant r, one for all or one for each neuron (units,); dimensionless.
        bias_rate: learning rate of the biases; that of the first connection from below by default.
        shape: (channels, height, width) of a layer of images, whose biases are one a channel.

    Raises:
        InputError: a value that cannot be used.
    """

    units: int
    rho: str | Rho = "hard_sigmoid"
    time_constant: ArrayLike = 1.0
    bias_rate: float | None = None
    shape: tuple[int, int, int] | None = None

    def __post_init__(self) -> None:
        given: Any = self.units
        if isinstance(given, tuple | list):
            self._take_shape(tuple(given))
        if not isinstance(self.units, int | np.integer) or isinstance(self.units, bool) or self.units < 1:
            raise InputError(f"units = {self.units!r}: must be a whole number, at least 1")
        if self.shape is not None and prod(self.shape) != self.units:
            raise InputError(f"shape = {self.shape!r}: must be of {self.units} neurons, or given in place of units")
        object.__setattr__(self, "rho", RHOS.of(self.rho))
        if not isinstance(self.rho, Rho):
            raise InputError(f"rho = {self.rho!r}: must be a Rho, or one of {', '.join(RHOS)}")
        constants = np.asarray(self.time_constant, np.float64)
        if constants.shape not in ((), (self.units,)) or not (np.isfinite(constants) & (constants > 0)).all():
            raise InputError(
                f"time_constant of shape {constants.shape}: must be one number above 0, or {self.units} of them"
            )
        require_rate("bias_rate", self.bias_rate)

    @classmethod
    def of(
        cls,
        units: int | tuple[int, int, int],
        rho: str | Rho = "hard_sigmoid",
        time_constant: ArrayLike = 1.0,
        bias_rate: float | None = None,
    ) -> Self:
        """A layer of so many neurons, or of images; as `Layer`, whose first argument may be either too."""
        return cls(units, rho, time_constant, bias_rate)  # type: ignore[arg-type]

    def _take_shape(self, shape: tuple[int, ...]) -> None:
        whole = all(isinstance(side, int | np.integer) and not isinstance(side, bool) and side >= 1 for side in shape)
        if len(shape) != 3 or not whole or prod(map(int, shape)) > MOST_UNITS:
            raise InputError(
                f"units = {shape!r}: must be one whole number, or (channels, height, width), at most {MOST_UNITS}"
            )
        object.__setattr__(self, "shape", tuple(map(int, shape)))
        object.__setattr__(self, "units", prod(shape))

    @property
    def function(self) -> Rho:
        """The firing-rate function."""
        assert isinstance(self.rho, Rho)
        return self.rho

    def leak(self, dtype: np.dtype) -> Array:
        """1 / r of every neuron, (units,)."""
        return np.broadcast_to(1 / np.asarray(self.time_constant, np.float64), (self.units,)).astype(dtype)

    @property
    def biases(self) -> int:
        """How many biases: one a neuron, or one a channel of images."""
        return self.units if self.shape is None else self.shape[0]

    def spread(self, biases: Array) -> Array:
        """Biases (biases,) as they meet every neuron, (units,)."""
        return biases if self.shape is None else np.tile(biases, self.units // self.shape[0])

    def gathered(self, change: Array) -> Array:
        """What changes of every neuron's bias, (units,), add up to for each bias, (biases,)."""
        return change if self.shape is None else change.reshape(-1, self.shape[0]).sum(axis=0)

    def images(self, states: Array) -> Array:
        """States (..., units) of a layer of images as (..., channels, height, width), a view.

        Raises:
            InputError: the layer has no shape.
        """
        if self.shape is None:
            raise InputError(f"layer: has {self.units} units and no shape: it holds no images")
        channels, height, width = self.shape
        return np.moveaxis(states.reshape(*states.shape[:-1], height, width, channels), -1, -3)

    def in_order(self, features: Array) -> Array:
        """Images as data have them, channels first in (samples, units), in the order of the layer's neurons."""
        if self.shape is None or self.shape[0] == 1:
            return features
        rows = np.moveaxis(features.reshape(-1, *self.shape), 1, -1)
        return np.ascontiguousarray(rows).reshape(features.shape)

    def __repr__(self) -> str:
        return f"Layer({self.shape or self.units}, rho={self.function.name!r})"
