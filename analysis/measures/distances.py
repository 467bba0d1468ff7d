"""Distances between inputs and targets at one place of a network."""

from dataclasses import dataclass


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
