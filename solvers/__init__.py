"""Integrators for batched ordinary differential equations on flat buffers, and solvers for fixed points.

>>> from ctsigprop.solvers import integrate
"""

from ctsigprop.solvers.integrate import Field, integrate
from ctsigprop.solvers.methods import METHODS
from ctsigprop.solvers.result import Result, SolveError, Status
from ctsigprop.solvers.stochastic import STOCHASTIC_METHODS, StochasticResult, integrate_stochastic
from ctsigprop.solvers.tableau import Tableau

__all__ = [
    "METHODS",
    "STOCHASTIC_METHODS",
    "Field",
    "Result",
    "SolveError",
    "Status",
    "StochasticResult",
    "Tableau",
    "integrate",
    "integrate_stochastic",
]
