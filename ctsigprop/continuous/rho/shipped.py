"""The firing-rate functions that the program ships.

| rho          | definition        | state kept in |
|--------------|-------------------|---------------|
| hard_sigmoid | clip(s, 0, 1)     | [0, 1]        |
| logistic     | sigma(4 s - 2)    | the reals     |
| tanh         | tanh(s)           | the reals     |
| rectifier    | max(s, 0)         | [0, inf)      |
| linear       | s                 | the reals     |
"""

from math import inf

from ctsigprop.continuous.rho import kernels
from ctsigprop.continuous.rho.rho import Rho

HARD_SIGMOID = Rho.shipped("hard_sigmoid", kernels.CLIPPED, (0.0, 1.0))
LOGISTIC = Rho.shipped("logistic", kernels.LOGISTIC)
TANH = Rho.shipped("tanh", kernels.TANH)
RECTIFIER = Rho.shipped("rectifier", kernels.CLIPPED, (0.0, inf))
LINEAR = Rho.shipped("linear", kernels.CLIPPED)
