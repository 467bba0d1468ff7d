"""An update of a network from a batch's equilibria (paper, Eq. 14, or another rule)."""

from ctsigprop.continuous.learning.correlations import correlate
from ctsigprop.continuous.learning.optimizers import Sgd
from ctsigprop.continuous.learning.pace import Pace, move
from ctsigprop.continuous.learning.phases import Contrast
from ctsigprop.continuous.learning.rules import EQ14, Rule
from ctsigprop.continuous.network import Array, Network

PLAIN = Pace(Sgd())


def learn(network: Network, inputs: Array, contrast: Contrast, rule: Rule = EQ14, pace: Pace = PLAIN) -> None:
    """Move weights and biases in place by the mean over the batch of what the rule says.

    A batch in which nudging moved no sample is no update: it takes no weight decay either.

    Args:
        network: changed in place.
        inputs: of the whole batch, (batch, features).
        contrast: the batch's equilibria.
        rule: Eq. 14 by default.
        pace: plain gradient steps by default.
    """
    if len(contrast.rows):
        move(network, correlate(network, inputs, contrast, pace.centre), rule, pace)
