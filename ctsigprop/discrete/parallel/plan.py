"""What rank 0 and the others tell each other: the plan, the beginning of an epoch, and what came out of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Self

from numpy.typing import NDArray

from ctsigprop.discrete.parallel.seal import pack, unpack
from ctsigprop.layered.epoch import Tally
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.config import settings_from, to_values

DONE = b""
"""In place of the plan or of an epoch: none follows."""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Plan:
    """What every process needs to know before the first batch.

    Attributes:
        settings: of the run.
        shape: of a sample, (channels, height, width).
        classes: how many there are.
        parts: the stages of each process, by their numbers from 0.
        names: what they are called.
        arrays: of the whole learner, as it stands.
    """

    settings: DiscreteSettings
    shape: tuple[int, ...]
    classes: int
    parts: list[range]
    names: list[str]
    arrays: Arrays

    def pack(self) -> bytes:
        """The plan as a message."""
        meta = {
            "settings": to_values(self.settings),
            "shape": self.shape,
            "classes": self.classes,
            "parts": [(part.start, part.stop) for part in self.parts],
            "names": self.names,
        }
        return pack(meta, self.arrays)

    @classmethod
    def unpack(cls, message: bytes) -> Self:
        """The plan of a message."""
        meta, arrays = unpack(message)
        settings = settings_from(meta["settings"], "discrete")
        parts = [range(*part) for part in meta["parts"]]
        return cls(settings, tuple(meta["shape"]), meta["classes"], parts, meta["names"], arrays)


class Begun(NamedTuple):
    """An epoch that begins, or goes on: its number, and its tally so far."""

    epoch: int
    tally: Tally

    def pack(self) -> bytes:
        """The epoch as a message."""
        return pack({"epoch": self.epoch, "tally": asdict(self.tally)})

    @classmethod
    def unpack(cls, message: bytes) -> Self:
        """The epoch of a message."""
        meta, _ = unpack(message)
        return cls(meta["epoch"], Tally(**meta["tally"]))


class Ended(NamedTuple):
    """What a process has at the end of an epoch: the arrays of its stages, and their tally."""

    arrays: Arrays
    tally: Tally

    def pack(self) -> bytes:
        """Arrays and tally as a message."""
        return pack({"tally": asdict(self.tally)}, self.arrays)

    @classmethod
    def unpack(cls, message: bytes) -> Self:
        """Arrays and tally of a message."""
        meta, arrays = unpack(message)
        return cls(arrays, Tally(**meta["tally"]))
