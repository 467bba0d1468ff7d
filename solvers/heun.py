"""Heun's method: the explicit trapezoidal rule."""

import numpy as np

from ctsigprop.solvers.tableau import Tableau

HEUN = Tableau(
    name="heun",
    order=2,
    reference="Heun (1900); Hairer, Norsett & Wanner II.1",
    a=np.array([[0.0, 0.0], [1.0, 0.0]]),
    b=np.array([1 / 2, 1 / 2]),
    c=np.array([0.0, 1.0]),
    dense_order=2,
)
