"""Settings of phases that end before they rest, and of the device that the network is built on."""

from dataclasses import dataclass

from ctsigprop.settings.checks import require, require_number, require_whole
from ctsigprop.settings.printing import changed

MOST_BITS = 24


@dataclass(frozen=True)
class PhaseSettings:
    """How long phases last; they come to rest where no time is given.

    Attributes:
        free: time of the free phase (T1), in the unit of network.time_constant.
        clamped: time of the clamped phase (T2), likewise.
        window: share of a phase, counted from its end, over which states are averaged where there is noise.
    """

    free: float | None = None
    clamped: float | None = None
    window: float = 0.5

    __repr__ = changed

    def __post_init__(self) -> None:
        for name in ("free", "clamped"):
            if getattr(self, name) is not None:
                require_number(f"phases.{name}", getattr(self, name), 0.0, open_low=True)
        for name, other in (("free", "clamped"), ("clamped", "free")):
            missing = getattr(self, name) is None and getattr(self, other) is not None
            require(not missing, f"phases.{name}", None, f"a time, as phases.{other} is")
        require_number("phases.window", self.window, 0.0, 1.0)

    @property
    def timed(self) -> bool:
        """Whether phases end after a time."""
        return self.free is not None


@dataclass(frozen=True)
class DeviceSettings:
    """What hardware does to the network; an ideal device by default.

    Attributes:
        noise: standard deviation of a white noise current into every neuron, over a unit of time.
        loop_delay: time after which the outputs reach the layers that they feed back to.
        time_constant_spread: standard deviation of the logarithm of a neuron's time constant about its nominal one.
        weight_spread: standard deviation of what a synapse delivers, as a fraction of what is stored.
        weight_bits: bits of what a synapse delivers; 0 for no rounding.
        update_bits: bits of what a synapse stores, to which updates are rounded at random; 0 for no rounding.
        weight_range: of the bits, in limits of the Glorot-uniform weights; what is beyond it is cut off.
    """

    noise: float = 0.0
    loop_delay: float = 0.0
    time_constant_spread: float = 0.0
    weight_spread: float = 0.0
    weight_bits: int = 0
    update_bits: int = 0
    weight_range: float = 4.0

    __repr__ = changed

    def __post_init__(self) -> None:
        for name in ("noise", "loop_delay", "weight_spread"):
            require_number(f"device.{name}", getattr(self, name), 0.0)
        require_number("device.time_constant_spread", self.time_constant_spread, 0.0, 1.0)
        for name in ("weight_bits", "update_bits"):
            require_whole(f"device.{name}", getattr(self, name), 0, MOST_BITS)
            require(getattr(self, name) != 1, f"device.{name}", 1, "0 for no rounding, or at least 2")
        require_number("device.weight_range", self.weight_range, 0.0, open_low=True)

    @property
    def stepped(self) -> bool:
        """Whether phases must be followed step by step."""
        return self.noise > 0 or self.loop_delay > 0


TO_REST, IDEAL = PhaseSettings(), DeviceSettings()
