"""What a reproduction computes on."""

from dataclasses import dataclass
from typing import Any

from ctsigprop.settings.checks import require_one_of
from ctsigprop.settings.discrete import Device


@dataclass(frozen=True)
class Hardware:
    """Threads and device of all runs of a reproduction.

    Attributes:
        threads: of every numerical library.
        device: cpu or cuda, of what PyTorch computes.

    Raises:
        InputError: an unknown device.
    """

    threads: int
    device: Device = "cpu"

    def __post_init__(self) -> None:
        require_one_of("--device", self.device, Device)

    @property
    def training(self) -> dict[str, Any]:
        """What it sets of a PyTorch run's `training`."""
        return {"threads": self.threads, "device": self.device}

    @property
    def flags(self) -> dict[str, Any]:
        """With which `ctsigprop reproduce` computes on it, the device only where it is not the CPU."""
        return {"threads": self.threads} if self.device == "cpu" else self.training
