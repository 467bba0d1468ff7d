"""ctsigprop: learning with forward passes only, in continuous-time dynamical systems."""

import os

from ctsigprop.temporary import keep_matplotlib_quiet

# NumPy and SciPy each bring an OpenBLAS whose idle threads spin for milliseconds before they sleep, and so take
# the cores from each other: three times slower training. They read this once, as they are loaded.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "17")
keep_matplotlib_quiet()

__version__ = "0.1.0"
