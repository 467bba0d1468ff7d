"""The four models of Table V: what trains the layers of a spiking network (paper, Sec. VI)."""

from ctsigprop.layered.learner import Learner
from ctsigprop.layered.optimizers import MakeOptimizer
from ctsigprop.layered.output import OutputStage
from ctsigprop.settings.spiking import SpikingSettings
from ctsigprop.spiking.network import SpikingNetwork, build
from ctsigprop.spiking.sigprop import sigprop_learner


def learner_for(settings: SpikingSettings, shape: tuple[int, ...], classes: int) -> Learner:
    """Builds the network and the rule that trains it.

    Every model starts from the same weights for the same seed.

    Args:
        settings: network, model and seed.
        shape: of a sample: (height, width) or (channels, height, width).
        classes: how many there are.

    Raises:
        InputError: the network does not fit the samples.
    """
    network, learning = build(settings, shape, classes), settings.learning
    match learning.model:
        case "bp-surrogate":
            stage = whole_stage(network, learning.rate, learning.weight_decay)
        case "shallow":
            stage = readout_stage(network, learning.readout_rate, learning.weight_decay)
        case "sp-surrogate" | "sp-voltage":
            return sigprop_learner(network, settings)
    return Learner([stage], classes, settings.training.precision)


def whole_stage(
    network: SpikingNetwork, rate: float, weight_decay: float = 0.0, optimizer: MakeOptimizer | None = None
) -> OutputStage:
    """All layers learn from the network's own loss: backwards through steps and spikes.

    Args:
        network: that learns.
        rate: of Adam, as is the next.
        weight_decay: fraction of a weight that an update at rate 1 takes off.
        optimizer: makes another in place of Adam.
    """
    stage = OutputStage("network", network)
    stage.learn_with(rate, weight_decay, optimizer)
    return stage


def readout_stage(
    network: SpikingNetwork, rate: float, weight_decay: float = 0.0, optimizer: MakeOptimizer | None = None
) -> OutputStage:
    """The classification layer learns; the blocks go on collecting statistics of batch normalisation alone.

    Arguments are those of `whole_stage`.
    """
    for block in network.blocks:
        block.requires_grad_(False)
    stage = OutputStage("output", network)
    stage.learn_with(rate, weight_decay, optimizer)
    return stage
