"""The learner that settings name."""

from collections.abc import Callable, Mapping

from ctsigprop.discrete.network import Network, build
from ctsigprop.discrete.rules.backprop import bp_learner, shallow_learner
from ctsigprop.discrete.rules.direct import dfa_learner
from ctsigprop.discrete.rules.feedback import fa_learner
from ctsigprop.discrete.rules.forward_forward import ff_learner
from ctsigprop.discrete.rules.local import local_learner
from ctsigprop.discrete.rules.sigprop import sigprop_learner
from ctsigprop.discrete.rules.synthetic_gradients import sg_learner
from ctsigprop.discrete.rules.target_propagation import dtp_learner
from ctsigprop.layered.learner import Learner
from ctsigprop.settings.discrete import Algorithm, DiscreteSettings

RULES: Mapping[Algorithm, Callable[[Network, DiscreteSettings], Learner]] = {
    "sp": sigprop_learner,
    "bp": bp_learner,
    "fa": fa_learner,
    "dfa": dfa_learner,
    "dtp": dtp_learner,
    "sg": sg_learner,
    "ff": ff_learner,
    "ll-bp": local_learner,
    "ll-fa": local_learner,
    "shallow": shallow_learner,
}
"""What makes a learner of a network, by `learning.algorithm`."""


def learner_for(settings: DiscreteSettings, shape: tuple[int, ...], classes: int) -> Learner:
    """Builds the network and the rule that trains it.

    Every rule starts from the same weights for the same seed.

    Args:
        settings: network, rule and seed.
        shape: of a sample: (height, width) or (channels, height, width).
        classes: how many there are.

    Raises:
        InputError: the network does not fit the samples, or the rule does not take its layers.
    """
    return RULES[settings.learning.algorithm](build(settings, shape, classes), settings)
