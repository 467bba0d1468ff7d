"""Which dataset a run learns: the settings that all wings share."""

from dataclasses import dataclass
from typing import Literal

from ctsigprop.settings.checks import require_one_of, require_whole

DatasetName = Literal["digits", "mnist", "fashion-mnist", "kmnist", "cifar-10", "cifar-100", "svhn"]


@dataclass(frozen=True)
class DataSettings:
    """What is learned.

    Attributes:
        name: dataset; `ctsigprop data list` shows them.
        limit: use only the first so many training samples (all where it is left out).
    """

    name: DatasetName = "digits"
    limit: int | None = None

    def __post_init__(self) -> None:
        require_one_of("data.name", self.name, DatasetName)
        if self.limit is not None:
            require_whole("data.limit", self.limit, 1)

    @property
    def title(self) -> str:
        """What the data are called."""
        return self.name
