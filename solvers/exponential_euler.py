"""Exponential Euler: exact in a linear leak, first order in all else.

For y' = f(t, y) = -leak y + g(t, y), with g held at its value at the start of a step,

    y(t + h) = y + h phi_1(-h leak) f(t, y),    phi_1(z) = (exp(z) - 1) / z,

which is the exact solution where g is constant, however large the step, at asked times inside it too.
The tableau is that of Euler's method; the engine multiplies its increment by phi_1.
"""

from dataclasses import replace

from ctsigprop.solvers.euler import EULER

EXPONENTIAL_EULER = replace(
    EULER,
    name="exponential_euler",
    reference="Hochbruck & Ostermann, Acta Numerica 19 (2010), eq. 2.6",
    exact_leak=True,
)
