"""A small problem: a network, inputs and targets for it, and the phases that they drive."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pytest
from numpy.typing import NDArray

from ctsigprop.continuous.architectures import build
from ctsigprop.continuous.equilibrium import Equilibrium, LayerSweeps
from ctsigprop.continuous.network import Network, Nudge
from ctsigprop.continuous.relaxation import relax
from ctsigprop.settings import LearningSettings, NetworkSettings, SolverSettings

Array = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Problem:
    """A network with a batch of inputs (samples, features) and targets (samples, classes)."""

    network: Network
    inputs: Array
    target: Array

    @cached_property
    def sweeps(self) -> LayerSweeps:
        return LayerSweeps(self.network)

    @property
    def drive(self) -> tuple[Array, ...]:
        return self.sweeps.drive(self.inputs)

    def nudge(self, *beta: float) -> Nudge:
        """A nudge of one strength for all samples, or of one for each."""
        samples, dtype = len(self.target), self.network.dtype
        return Nudge(np.ascontiguousarray(np.broadcast_to(np.array(beta, dtype), samples)), self.target)

    def relax(
        self,
        nudge: Nudge | None = None,
        start: Sequence[Array] | None = None,
        *,
        method: str = "anderson",
        tolerance: float = 1e-12,
        max_sweeps: int = 2000,
        longest: float = 400.0,
        step: float = 0.2,
    ) -> Equilibrium:
        """Fixed points, from rest unless another start is given."""
        solver = SolverSettings(method, tolerance, max_sweeps, step=step, longest=longest, rescue=False)
        begin = self.sweeps.at_rest(len(self.inputs)) if start is None else start
        return relax(self.sweeps, self.drive, begin, solver, nudge)

    def part(self, rows: Sequence[int]) -> "Problem":
        """Some of the samples."""
        return Problem(self.network, self.inputs[rows], self.target[rows])


@pytest.fixture(scope="session")
def make_problem() -> Callable[..., Problem]:
    """Makes a problem with random weights and biases; hidden units of hard sigmoids are mostly unsaturated."""

    def make(
        architecture: str = "sigprop_loop",
        hidden: tuple[int, ...] = (6, 5),
        *,
        loops: tuple[int, ...] = (1,),
        rho: str = "hard_sigmoid",
        precision: str = "float64",
        time_constant: float = 1.0,
        feedback_gain: float = 1.0,
        scale: float = 1.0,
        samples: int = 4,
        features: int = 7,
        classes: int = 3,
        seed: int = 0,
        learning: LearningSettings | None = None,
    ) -> Problem:
        rng = np.random.default_rng(seed)
        network = NetworkSettings(architecture, hidden, loops, rho, time_constant, 1.0, feedback_gain, precision)
        drawn = build(features, classes, network, learning or LearningSettings(rates=(0.1,)), rng)
        for connection in drawn.connections:
            connection.weight[...] *= scale
        for bias in drawn.biases:
            bias[...] = rng.uniform(0.1, 0.4, bias.shape)
        inputs = rng.uniform(0, 1, (samples, features)).astype(precision)
        target = np.eye(classes, dtype=precision)[rng.integers(classes, size=samples)]
        return Problem(drawn, inputs, target)

    return make
