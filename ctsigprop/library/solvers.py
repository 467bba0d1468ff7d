"""Solvers of a phase by name, `Anderson(tolerance=1e-4)` in place of settings; phases and devices likewise."""

from ctsigprop.settings import SolverSettings
from ctsigprop.settings.device import DeviceSettings, PhaseSettings
from ctsigprop.solvers import METHODS, Tableau

Phases = PhaseSettings
"""How long the phases last: `Phases(free=10, clamped=5)`."""

Device = DeviceSettings
"""What hardware does to the network: `Device(noise=0.1, weight_bits=6)`."""


def Anderson(
    *,
    tolerance: float = 1e-4,
    max_passes: int = 200,
    warm_start: bool = True,
    displacement: float = 0.01,
    rescue: bool = True,
) -> SolverSettings:
    """Passes over the layers to the fixed point, accelerated (Anderson 1965): the default.

    Args:
        tolerance: largest relative residual |F(s) - s| / |s| of a converged sample.
        max_passes: cap on the passes of a phase.
        warm_start: start a sample's free phase where its last one ended.
        displacement: of samples that learn, passes go on until the residual is at most this fraction of what the nudge
            does to the outputs; at 0, tolerance alone counts.
        rescue: integrate in time the samples that passes have not brought to rest.

    Raises:
        InputError: a value that is not allowed.
    """
    return SolverSettings(
        "anderson", tolerance, max_passes, "last" if warm_start else "zero", rescue=rescue, displacement=displacement
    )


def Passes(
    *, tolerance: float = 1e-4, max_passes: int = 200, warm_start: bool = True, displacement: float = 0.01
) -> SolverSettings:
    """Plain passes over the layers to the fixed point.

    Args:
        tolerance: largest relative residual |F(s) - s| / |s| of a converged sample.
        max_passes: cap on the passes of a phase.
        warm_start: start a sample's free phase where its last one ended.
        displacement: of samples that learn, how small the residual is to be beside what the nudge does.

    Raises:
        InputError: a value that is not allowed.
    """
    return SolverSettings("sweeps", tolerance, max_passes, "last" if warm_start else "zero", displacement=displacement)


def InTime(
    method: str | Tableau = "dopri5", *, step: float = 0.2, tolerance: float = 1e-4, longest: float = 200.0
) -> SolverSettings:
    """Eq. 13 integrated in time until it rests.

    Args:
        method: euler, heun, rk4, dopri5, exponential_euler, the name of another in `METHODS`, or a Tableau.
        step: of time, in units of the time constant; dopri5 chooses its own.
        tolerance: largest relative residual at rest; dopri5's step errors follow it.
        longest: longest phase, in units of the time constant.

    Raises:
        InputError: a value that is not allowed.
    """
    return SolverSettings(METHODS.name_of(method), tolerance, step=step, longest=longest)
