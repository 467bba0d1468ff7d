"""The integrators by name; one's own is a `Tableau` that is added."""

from ctsigprop.core.registry import Registry
from ctsigprop.solvers.tableau import Tableau

METHODS: Registry[Tableau] = Registry(
    "solver.method",
    {
        name: f"ctsigprop.solvers.{name}:{name.upper()}"
        for name in ("euler", "heun", "rk4", "dopri5", "exponential_euler")
    },
)
