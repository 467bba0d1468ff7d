"""Explicit Euler: the method of the paper's own simulations."""

import numpy as np

from ctsigprop.solvers.tableau import Tableau

EULER = Tableau(
    name="euler",
    order=1,
    reference="Euler (1768); Hairer, Norsett & Wanner I.7",
    a=np.array([[0.0]]),
    b=np.array([1.0]),
    c=np.array([0.0]),
    dense_order=1,
)
