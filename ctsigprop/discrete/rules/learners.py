"""The learner that settings name."""

from ctsigprop.discrete.network import build
from ctsigprop.discrete.rules.backprop import bp_learner, shallow_learner
from ctsigprop.discrete.rules.direct import dfa_learner
from ctsigprop.discrete.rules.feedback import fa_learner
from ctsigprop.discrete.rules.local import local_learner
from ctsigprop.discrete.rules.sigprop import sigprop_learner
from ctsigprop.layered.learner import Learner
from ctsigprop.settings.discrete import DiscreteSettings


def learner_for(settings: DiscreteSettings, shape: tuple[int, ...], classes: int) -> Learner:
    """Builds the network and the rule that trains it.

    Every rule starts from the same weights for the same seed.

    Args:
        settings: network, rule and seed.
        shape: of a sample: (height, width) or (channels, height, width).
        classes: how many there are.

    Raises:
        InputError: the network does not fit the samples.
    """
    network = build(settings, shape, classes)
    match settings.learning.algorithm:
        case "bp":
            return bp_learner(network, settings)
        case "shallow":
            return shallow_learner(network, settings)
        case "fa":
            return fa_learner(network, settings)
        case "dfa":
            return dfa_learner(network, settings)
        case "ll-bp" | "ll-fa":
            return local_learner(network, settings)
        case "sp":
            return sigprop_learner(network, settings)
