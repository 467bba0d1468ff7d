"""Learning from the contrast of two equilibria: phases, rules, optimizers."""

from ctsigprop.continuous.learning.optimizers import OPTIMIZERS, Optimizer
from ctsigprop.continuous.learning.rules import RULES, Rule

__all__ = ["OPTIMIZERS", "RULES", "Optimizer", "Rule"]
