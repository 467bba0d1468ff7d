"""What one layer sends to another: through a matrix, through kernels, or as it is."""

from ctsigprop.continuous.connections.connection import Connection, Link, Outer, Tangent, connection_name
from ctsigprop.continuous.connections.conv import Conv
from ctsigprop.continuous.connections.dense import Dense
from ctsigprop.continuous.connections.initial import glorot_limit, glorot_uniform
from ctsigprop.continuous.connections.pooling import AvgPool, MaxPool
from ctsigprop.continuous.connections.skip import Skip

__all__ = [
    "AvgPool",
    "Connection",
    "Conv",
    "Dense",
    "Link",
    "MaxPool",
    "Outer",
    "Skip",
    "Tangent",
    "connection_name",
    "glorot_limit",
    "glorot_uniform",
]
