"""Training a network of the continuous family in a run folder."""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from ctsigprop.continuous.architectures import Shape, build
from ctsigprop.continuous.compiling import COMPILING, is_compiled
from ctsigprop.continuous.device import device_of, unlike_neurons
from ctsigprop.continuous.learning import Optimizer, Rule
from ctsigprop.continuous.model import ContinuousModel
from ctsigprop.continuous.network import Network
from ctsigprop.data import Dataset, dataset_of
from ctsigprop.runs import RunFolder, trainer
from ctsigprop.runs.callbacks import Callback
from ctsigprop.runs.data_record import keep_data
from ctsigprop.settings import Settings

INITIAL = "initial"
"""Checkpoint of the weights that training starts from."""


def train(
    settings: Settings,
    run: RunFolder,
    *,
    network: Network | None = None,
    data: Dataset | None = None,
    rule: Rule | None = None,
    optimizer: Optimizer | None = None,
    callbacks: Sequence[Callback] = (),
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train a network in a run folder, from its beginning or from its last checkpoint.

    Args:
        settings: of the run.
        run: where checkpoints, metrics and summary go.
        network: to be trained, in place; drawn as the settings say by default.
        data: to learn from; what the settings name by default.
        rule: what an update is made of; what the settings name by default.
        optimizer: how it changes weights; what the settings name by default.
        callbacks: called in training, in this order.
        resume: go on from the last checkpoint.
        quiet: show no progress.

    Returns:
        The summary that was written.

    Raises:
        InputError: data, settings or checkpoint that do not go together.
        RunFailure: weights that are no longer finite, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    data = data or dataset_of(settings.data)
    keep_data(run, data)
    began = initial_network(run, settings, data).weights if resume else None
    model = ContinuousModel(network or draw(settings, data), data, settings, rule, optimizer, began)
    if not (quiet or is_compiled(settings.solver)):
        print(COMPILING, flush=True)
    return trainer.train(model, run, settings.training, callbacks, resume=resume, quiet=quiet)


def keep_initial(run: RunFolder, network: Network, drawn: Network) -> None:
    """Keep the weights that training starts from, where they are not those that the settings draw.

    Args:
        run: gets a checkpoint `initial`.
        network: to be trained.
        drawn: as the settings draw it.

    Raises:
        RunFailure: the disk is full or fails.
    """
    given = network.parameters()
    if any(not np.array_equal(given[name], array) for name, array in drawn.parameters().items()):
        run.save_checkpoint(INITIAL, given, {"epoch": 0})


def initial_network(run: RunFolder, settings: Settings, data: Dataset) -> Network:
    """The network that a run started from.

    Raises:
        InputError: a checkpoint that cannot be used.
    """
    network = draw(settings, data)
    if run.checkpoint(INITIAL).exists():
        network.load(run.load_checkpoint(INITIAL, like=network.parameters())[0])
    return network


def draw(settings: Settings, data: Dataset) -> Network:
    """The network of a run before its first update.

    Raises:
        InputError: settings that do not fit the network.
    """
    return network_of(data.shape, data.outputs, settings)


def network_of(shape: tuple[int, ...], outputs: int, settings: Settings) -> Network:
    """The network of a run before its first update, for samples of a shape.

    Raises:
        InputError: settings that do not fit the network.
    """
    seed, device = settings.training.seed, settings.device
    weights = np.random.default_rng(seed)
    network = build(_sample(shape), outputs, settings.network, settings.learning, weights, unlike_neurons(device, seed))
    return network.on_device(device_of(device, network.connections, seed))


def _sample(shape: tuple[int, ...]) -> Shape:
    """Images have a channel even where they are grey; anything else is as many features as it has values."""
    image = (1, *shape) if len(shape) == 2 else shape
    return image if len(image) == 3 else prod(shape)
