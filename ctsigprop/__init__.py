"""ctsigprop: learning with forward passes only, in continuous-time dynamical systems."""

import os
from pkgutil import extend_path

# Started in the root of a checkout, Python finds ./ctsigprop first, which does not hold the packages that are
# mapped into it (./solvers is ctsigprop.solvers): they are then taken from the installed package.
__path__ = extend_path(__path__, __name__)

# NumPy and SciPy each bring an OpenBLAS whose idle threads spin for milliseconds before they sleep, and so take
# the cores from each other: three times slower training. They read this once, as they are loaded.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "17")

__version__ = "0.1.0"
