"""ctsigprop: learning with forward passes only, in continuous-time dynamical systems."""

from pkgutil import extend_path

# Started in the root of a checkout, Python finds ./ctsigprop first, which does not hold the packages that are
# mapped into it (./solvers is ctsigprop.solvers): they are then taken from the installed package.
__path__ = extend_path(__path__, __name__)

__version__ = "0.1.0"
