"""What the paper says of Fig. 3, as checks on distances between inputs and targets, layer by layer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

INPUT = "input"

APART = "before the first layer, inputs are no nearer to their own class's target than to others, within twice chance"
NEARER = "after training, inputs are nearer to their own class's target than to others, at every layer"
SUCCESSIVE = "each layer brings inputs nearer to their own class's target than the layer before"
WIDENS = "each layer widens the margin between the other classes' targets and their own"
LEARNED = "every layer's margin is wider than before training"


@dataclass(frozen=True)
class Point:
    """Cosine distances at one place of the network, after one epoch.

    Attributes:
        epoch: 0 before the first update.
        place: "input", "layer 1", "layer 2", ...
        same: mean over samples of the distance to their own class's target.
        other: likewise to the other classes' targets.
        same_deviation: over samples.
        other_deviation: over samples.
        nearest: percent of samples that are nearer to their own target than to every other.
    """

    epoch: int
    place: str
    same: float
    other: float
    same_deviation: float
    other_deviation: float
    nearest: float

    @property
    def margin(self) -> float:
        """How much further off the other classes' targets are than a sample's own."""
        return self.other - self.same


@dataclass(frozen=True)
class Claim:
    """A sentence of the paper, judged.

    Attributes:
        claim: the sentence.
        numbers: by place, what the judgement rests on.
        holds: the judgement.
    """

    claim: str
    numbers: Mapping[str, float]
    holds: bool


def all_claims(points: Sequence[Point], classes: int) -> list[Claim]:
    """Every claim, judged after the last epoch; the first only where targets enter at the input.

    Args:
        points: of all epochs, places in the order that a sample passes them.
        classes: how many there are; by chance 100 / classes percent of the samples are nearest to their own target.
    """
    first, last = min(point.epoch for point in points), max(point.epoch for point in points)
    before = {point.place: point.margin for point in points if point.epoch == first}
    after = {point.place: point for point in points if point.epoch == last}
    same = {place: point.same for place, point in after.items()}
    margins = {place: point.margin for place, point in after.items()}
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
