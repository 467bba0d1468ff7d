"""What the paper says of Fig. 3, as checks on distances between inputs and targets, layer by layer."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from ctsigprop.experiments.paper.claims import Claim

if TYPE_CHECKING:
    from ctsigprop.discrete.distances import Distances

INPUT = "input"

APART = "before the first layer, inputs are no nearer to their own class's target than to others, within twice chance"
NEARER = "after training, inputs are nearer to their own class's target than to others, at every layer"
SUCCESSIVE = "each layer brings inputs nearer to their own class's target than the layer before"
WIDENS = "each layer widens the margin between the other classes' targets and their own"
LEARNED = "every layer's margin is wider than before training"


def all_claims(found: Mapping[int, Sequence["Distances"]], classes: int) -> list[Claim[float]]:
    """Judge every claim after the last epoch; the first only if targets enter at the input.

    Args:
        found: by epoch, places in the order that a sample passes them.
        classes: how many there are; by chance 100 / classes percent of the samples are nearest to their own target.
    """
    before = {one.place: one.margin for one in found[min(found)]}
    after = {one.place: one for one in found[max(found)]}
    same = {place: one.same for place, one in after.items()}
    margins = {place: one.margin for place, one in after.items()}
    layers = {place: margin for place, margin in margins.items() if place != INPUT}
    gains = {place: margin - before[place] for place, margin in layers.items()}
    claims = [
        Claim(NEARER, layers, all(margin > 0 for margin in layers.values())),
        Claim(SUCCESSIVE, same, all(later < earlier for earlier, later in pairwise(same.values()))),
        Claim(WIDENS, margins, all(later > earlier for earlier, later in pairwise(margins.values()))),
        Claim(LEARNED, gains, all(gain > 0 for gain in gains.values())),
    ]
    if INPUT in after:
        nearest = after[INPUT].nearest
        claims.insert(0, Claim(APART, {INPUT: nearest}, nearest <= 2 * 100 / classes))
    return claims
