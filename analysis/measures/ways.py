"""The loops of a network: what feeds back, and the ways from where it ends to where it begins."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from ctsigprop.analysis.measures.angle import Angle
from ctsigprop.continuous.connections import Link
from ctsigprop.continuous.network import Network

Loop = tuple[Link, ...]

MOST_WAYS = 64
"""Forward ways that are followed for one link that feeds back."""


@dataclass(frozen=True)
class ReturnPath:
    """One matrix of a loop, and the way back.

    Attributes:
        link: the matrix.
        back: the others, in the order in which a signal passes them from the matrix's target to its source.
    """

    link: Link
    back: Loop

    @property
    def name(self) -> str:
        """Name of its angle, such as "W23 vs W31*W12"."""
        return Angle(self.link.name, tuple(link.name for link in self.back)).name


def ways_round(network: Network) -> list[Loop]:
    """Return every loop: a link that feeds back, then forward links from where it ends to where it begins.

    Skip connections give a link several ways; the first 64 are followed, by the layers that they pass. A link from a
    layer to itself is no loop of several matrices; see `left_out`.
    """
    links = list(network.links())
    onward: dict[int, list[Link]] = {}
    for link in links:
        if link.source < link.target:
            onward.setdefault(link.source, []).append(link)
    return [
        (link, *way)
        for link in links
        if link.source > link.target
        for way in islice(_ways(onward, link.target, link.source), MOST_WAYS)
    ]


def _ways(onward: Mapping[int, Sequence[Link]], begin: int, end: int) -> Iterator[tuple[Link, ...]]:
    """Forward links from one layer to another, every way."""
    if begin == end:
        yield ()
        return
    for link in onward.get(begin, ()):
        if link.target <= end:
            for rest in _ways(onward, link.target, end):
                yield link, *rest
