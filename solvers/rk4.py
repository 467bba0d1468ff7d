"""The classical Runge-Kutta method of order four."""

import numpy as np

from ctsigprop.solvers.tableau import Tableau

RK4 = Tableau(
    name="rk4",
    order=4,
    reference="Kutta (1901); Hairer, Norsett & Wanner II.1, Table 1.2",
    a=np.array(
        [
            [0.0, 0.0, 0.0, 0.0],
            [1 / 2, 0.0, 0.0, 0.0],
            [0.0, 1 / 2, 0.0, 0.0],
            [0.0, 0.0, 1.0, 0.0],
        ]
    ),
    b=np.array([1 / 6, 1 / 3, 1 / 3, 1 / 6]),
    c=np.array([0.0, 1 / 2, 1 / 2, 1.0]),
    dense_order=3,
)
