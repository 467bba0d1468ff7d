"""Alignment as a sample's error meets it: the way back passes the neurons between by their own slopes.

Of a matrix A from layer i to layer j and the others of its loop, from j on round to i, W_1 ... W_k: the angle between A
and P^T, P = W_1 D_1 W_2 D_2 ... W_k, D the diagonal of d rho(s) / d net of each layer between at the sample's free
equilibrium. A hard sigmoid has a slope of 1 inside its bounds and of 0 at them, so that P passes the neurons that can
still move. Without D this is the angle of matrices (`alignment.angles`); it has a value for every sample, and so error
bars, as the paper's Fig. 4 has.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ctsigprop.analysis.measures.alignment import loops, return_paths
from ctsigprop.analysis.measures.degrees import angle_of
from ctsigprop.analysis.measures.image_loops import image_slope_angles
from ctsigprop.analysis.measures.ways import ReturnPath
from ctsigprop.continuous.network import Array, Network

Floats = NDArray[np.float64]

LARGEST = 4_000_000
"""Numbers in a product of one chunk of samples."""


def slope_angles(network: Network, slopes: Sequence[Array], rates: Sequence[Array] | None = None) -> dict[str, Floats]:
    """Return the angle of every matrix of every loop, sample by sample, in degrees by name.

    A sample that no neuron between lets through has 90.

    Args:
        network: its loops.
        slopes: of layers 1 to N, each (samples, units); see `Network.slopes_of`.
        rates: at the same equilibria, likewise; left out, loops that pass images have no angle.
    """
    found = {} if rates is None else image_slope_angles(network, slopes, rates)
    samples, widest = len(slopes[0]), max(network.sizes[1:])
    for loop in loops(network):
        narrowest = min(link.weight.shape[0] for link in loop)
        chunk = max(1, LARGEST // (narrowest * widest))
        for path in return_paths(loop):
            parts = [
                _angles(path, [layer[start : start + chunk].astype(np.float64) for layer in slopes])
                for start in range(0, samples, chunk)
            ]
            found[path.name] = np.concatenate(parts)
    return found


def _angles(path: ReturnPath, slopes: Sequence[Floats]) -> Floats:
    """Cut P at the narrowest layer that it joins, P = L R, so that no product is wider than that, and take <A, P^T>."""
    back = [link.weight.astype(np.float64) for link in path.back]
    between = [slopes[link.source - 1][:, None, :] for link in path.back[1:]]
    widths = [back[0].shape[0], *(weight.shape[1] for weight in back)]
    cut = widths.index(min(widths))
    one = np.eye(widths[cut])[None]
    left, right = one, one
    for place in range(cut - 1, -1, -1):  # transposed: (samples, width of the cut, units)
        left = (left if place == cut - 1 else left * between[place]) @ back[place].T
    for place in range(cut, len(back)):
        right = (right if place == 0 else right * between[place - 1]) @ back[place]
    weight = path.link.weight.astype(np.float64)
    inner = ((right @ weight) * left).sum(axis=(1, 2))
    squares = ((left @ left.swapaxes(1, 2)) * (right @ right.swapaxes(1, 2))).sum(axis=(1, 2))
    norms = np.sqrt(squares.clip(0)) * np.linalg.norm(weight)
    degrees = np.array([angle_of(*one) for one in zip(inner.tolist(), norms.tolist(), strict=True)])
    return np.broadcast_to(degrees, len(slopes[0]))
