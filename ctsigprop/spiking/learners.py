"""The four models of Table V: what trains the layers of a spiking network (paper, Sec. VI)."""

from ctsigprop.layered.learner import Learner, Stage
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
    network = build(settings, shape, classes)
    match settings.learning.model:
        case "bp-surrogate":
            return _whole("network", network, settings, settings.learning.rate)
        case "shallow":
            for block in network.blocks:
                block.requires_grad_(False)
            return _whole("output", network, settings, settings.learning.readout_rate)
        case "sp-surrogate" | "sp-voltage":
            return sigprop_learner(network, settings)


def _whole(name: str, network: SpikingNetwork, settings: SpikingSettings, rate: float) -> Learner:
    """One stage, in which all that learns learns from the network's own loss: backwards through steps and spikes.

    Hidden layers that are held fixed go on collecting the statistics of batch normalisation, which are not learned.
    """
    stage: Stage = OutputStage(name, network)
    stage.learn_with(rate, settings.learning.weight_decay)
    return Learner([stage], network.classes, settings.training.precision)
