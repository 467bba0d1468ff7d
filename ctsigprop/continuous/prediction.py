"""What a trained network says of new inputs, as the user has them."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.continuous.epoch import outputs_of
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Array, Network
from ctsigprop.data.own import Task, checked_inputs
from ctsigprop.data.scaling import Scaling
from ctsigprop.errors import RunFailure
from ctsigprop.settings import SolverSettings
from ctsigprop.settings.device import IDEAL, TO_REST, DeviceSettings, PhaseSettings

PLAIN = Scaling()


@dataclass(frozen=True)
class Inference:
    """How a network is asked.

    Attributes:
        scaling: from inputs as the user has them to inputs of the network.
        shape: of a sample as the user has it; None: any of as many values as the network has inputs.
        task: whether outputs stand for classes or are numbers.
        solver: of the free phase.
        phases: how long it lasts.
        device: that it runs on.
    """

    scaling: Scaling = PLAIN
    shape: tuple[int, ...] | None = None
    task: Task = "classification"
    solver: SolverSettings = field(default_factory=SolverSettings)
    phases: PhaseSettings = TO_REST
    device: DeviceSettings = IDEAL


def network_inputs(network: Network, x: Any) -> Array:
    """Inputs of a network, (samples, features), from inputs as the user has them, (samples, ...).

    Raises:
        InputError: inputs of another shape than the network was trained on, or that are no finite numbers.
    """
    asked = network.inference or Inference()
    inputs = checked_inputs(x, "x", asked.shape)
    if asked.shape is None:
        checked_inputs(inputs.reshape(len(inputs), -1), "x", (network.sizes[0],))
    return network.layers[0].in_order(asked.scaling.apply(inputs, network.dtype))


def output_states(network: Network, x: Any) -> Array:
    """States of the output neurons at the free equilibria of new inputs, (samples, outputs).

    Args:
        network: with its weights.
        x: inputs as the user has them, (samples, ...).

    Raises:
        InputError: as for `network_inputs`.
        RunFailure: a state is no longer finite.
    """
    asked = network.inference or Inference()
    outputs = outputs_of(
        LayerSweeps(network), network_inputs(network, x), asked.solver, phases=asked.phases, device=asked.device
    )
    if not np.isfinite(outputs.states).all():
        raise RunFailure("states are no longer finite: the network's weights are too large for these inputs")
    return outputs.states


def predict(network: Network, x: Any) -> NDArray[Any]:
    """Classes of new inputs, int64 (samples,), or the output states of a regression, (samples, outputs).

    Arguments and errors as for `output_states`.
    """
    states = output_states(network, x)
    regression = network.inference is not None and network.inference.task == "regression"
    return states if regression else states.argmax(axis=1)
