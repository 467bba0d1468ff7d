"""Optimizers: how an update changes a weight matrix."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ctsigprop.continuous.network import Array
from ctsigprop.continuous.products import add_outer
from ctsigprop.core.registry import Registry
from ctsigprop.settings import LearningSettings, choices

ADAM_RATE = 1e-3


Pair = tuple[Array, Array]
"""Arrays (n, rows) and (n, columns) of one factor each: the matrix a^T b."""


class Optimizer(Protocol):
    """Changes weights, one matrix at a time, and remembers what it needs between updates."""

    name: str

    def apply(self, parameter: str, weight: Array, terms: Sequence[Pair], rate: float, keep: float) -> None:
        """Change a weight matrix in place.

        Args:
            parameter: name of the matrix, such as W12; of biases, a matrix of one row, such as b1.
            weight: (source units, target units); of a convolution (target channels, what a kernel sees).
            terms: outer products whose sum is the update at rate 1.
            rate: learning rate.
            keep: fraction of the weight that weight decay leaves.
        """
        ...

    def state(self, parameters: Mapping[str, Array]) -> dict[str, Array]:
        """The arrays that resuming needs, by name; zero where nothing has happened yet.

        Args:
            parameters: the network's weights and biases by name.
        """
        ...

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Take over arrays of `state`."""
        ...


@dataclass
class Sgd:
    """w <- keep w + rate update, in one pass over the weights.

    Attributes:
        name: by which settings choose it.
    """

    name: str = "sgd"

    def apply(self, parameter: str, weight: Array, terms: Sequence[Pair], rate: float, keep: float) -> None:
        """See `Optimizer`."""
        for pre, post in terms:
            add_outer(weight, pre, post, rate, keep)
            keep = 1.0

    def state(self, parameters: Mapping[str, Array]) -> dict[str, Array]:
        """Nothing."""
        return {}

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Nothing to take over."""


@dataclass
class Momentum:
    """v <- momentum v + update; w <- keep w + rate v (Polyak 1964).

    Attributes:
        momentum: fraction of the velocity that an update keeps.
        name: by which settings choose it.
    """

    momentum: float = 0.9
    name: str = "momentum"
    _velocity: dict[str, Array] = field(default_factory=dict, repr=False)

    def apply(self, parameter: str, weight: Array, terms: Sequence[Pair], rate: float, keep: float) -> None:
        """See `Optimizer`."""
        velocity = _remembered(self._velocity, parameter, weight)
        decay = self.momentum
        for pre, post in terms:
            add_outer(velocity, pre, post, 1.0, decay)
            decay = 1.0
        weight *= weight.dtype.type(keep)
        weight += weight.dtype.type(rate) * velocity

    def state(self, parameters: Mapping[str, Array]) -> dict[str, Array]:
        """The velocities."""
        return {f"velocity {name}": _moment(self._velocity, name, array) for name, array in parameters.items()}

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Take over velocities."""
        self._velocity = _of_kind("velocity", arrays)


@dataclass
class Adam:
    """Steps of the mean update over the root of its mean square (Kingma & Ba 2015), without a mean of batches at rest.

    Attributes:
        betas: decay of the mean and of the mean square.
        epsilon: added to the root.
        name: by which settings choose it.
    """

    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    name: str = "adam"
    _mean: dict[str, Array] = field(default_factory=dict, repr=False)
    _square: dict[str, Array] = field(default_factory=dict, repr=False)
    _steps: dict[str, Array] = field(default_factory=dict, repr=False)

    def apply(self, parameter: str, weight: Array, terms: Sequence[Pair], rate: float, keep: float) -> None:
        """See `Optimizer`."""
        update = np.zeros_like(weight)
        for pre, post in terms:
            add_outer(update, pre, post, 1.0, 1.0)
        mean = _remembered(self._mean, parameter, weight)
        square = _remembered(self._square, parameter, weight)
        steps = self._steps.setdefault(parameter, np.zeros(1, np.int64))
        steps += 1
        first, second = self.betas
        mean += (1 - first) * (update - mean)
        square += (1 - second) * (update * update - square)
        unbiased = np.sqrt(square / (1 - second ** int(steps[0]))) + self.epsilon
        weight *= weight.dtype.type(keep)
        weight += (rate / (1 - first ** int(steps[0])) * mean / unbiased).astype(weight.dtype)

    def state(self, parameters: Mapping[str, Array]) -> dict[str, Array]:
        """Means, mean squares and numbers of steps."""
        found: dict[str, Array] = {}
        for name, array in parameters.items():
            found[f"mean update {name}"] = _moment(self._mean, name, array)
            found[f"mean square {name}"] = _moment(self._square, name, array)
            found[f"steps {name}"] = self._steps.get(name, np.zeros(1, np.int64))
        return found

    def load_state(self, arrays: Mapping[str, Array]) -> None:
        """Take over means, mean squares and numbers of steps."""
        self._mean = _of_kind("mean update", arrays)
        self._square = _of_kind("mean square", arrays)
        self._steps = _of_kind("steps", arrays)


def _remembered(moments: dict[str, Array], parameter: str, weight: Array) -> Array:
    """One parameter's moment, to be changed in place; zeros before its first update."""
    if parameter not in moments:
        moments[parameter] = np.zeros_like(weight)
    return moments[parameter]


def _moment(moments: Mapping[str, Array], name: str, like: Array) -> Array:
    """One parameter's moment as a matrix; zeros before its first update."""
    return moments.get(name, np.zeros_like(like[None, :] if like.ndim == 1 else like.reshape(len(like), -1)))


def _of_kind(kind: str, arrays: Mapping[str, Array]) -> dict[str, Array]:
    found = {name.removeprefix(f"{kind} "): array for name, array in arrays.items() if name.startswith(f"{kind} ")}
    return {name: np.array(array) for name, array in found.items()}


def _plain(learning: LearningSettings, plain: float) -> float:
    return plain


@dataclass(frozen=True)
class OptimizerKind:
    """An optimizer that settings can choose.

    Attributes:
        name: by which they do.
        make: an optimizer of these settings.
        rate: the learning rate that it has where none is given, of the settings and the rate of plain steps.
    """

    name: str
    make: Callable[[LearningSettings], Optimizer]
    rate: Callable[[LearningSettings, float], float] = _plain

    def __repr__(self) -> str:
        return f"OptimizerKind({self.name!r})"


SGD = OptimizerKind("sgd", lambda learning: Sgd())
MOMENTUM = OptimizerKind(
    "momentum",
    lambda learning: Momentum(learning.momentum),
    rate=lambda learning, plain: (1 - learning.momentum) * plain,
)
ADAM = OptimizerKind(
    "adam", lambda learning: Adam((learning.betas[0], learning.betas[1])), rate=lambda learning, plain: ADAM_RATE
)

OPTIMIZERS: Registry[OptimizerKind] = choices.OPTIMIZERS
