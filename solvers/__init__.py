"""Integrators for batched ordinary differential equations on flat buffers, and solvers for fixed points.

>>> from ctsigprop.solvers import integrate
"""

from ctsigprop.solvers.integrate import Field, integrate
from ctsigprop.solvers.methods import METHODS
from ctsigprop.solvers.result import Result, SolveError, Status
from ctsigprop.solvers.tableau import Tableau

__all__ = ["METHODS", "Field", "Result", "SolveError", "Status", "Tableau", "integrate"]
