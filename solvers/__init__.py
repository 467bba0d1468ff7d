"""Integrators for batched ordinary differential equations on flat buffers, and solvers for fixed points.

>>> from ctsigprop.solvers import integrate
"""

from ctsigprop.solvers.integrate import METHODS, Field, integrate
from ctsigprop.solvers.result import Result, SolveError, Status

__all__ = ["METHODS", "Field", "Result", "SolveError", "Status", "integrate"]
