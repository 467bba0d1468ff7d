"""Firing-rate functions rho(s): the shipped ones by name, and the user's own."""

from ctsigprop.continuous.rho.rho import Rho
from ctsigprop.core.registry import Registry
from ctsigprop.settings import choices

RHOS: Registry[Rho] = choices.RHOS

__all__ = ["RHOS", "Rho"]
