"""Alignment of a loop that passes images: the matrix that feeds back against the way through the convolutions.

Let B of shape (outputs, units) feed the output back into a layer of images, and let F take displacements of that layer
to the output, through convolutions and pools. The angle is that of B and F^T, as for matrices. Kernels have no angle of
their own: they are not of the shape of what leads back.

- Of the weights alone, a max pool counts with the mean of its windows, as an average pool does.
- Of one sample's nudge, B^T and F are met by its displacement, likewise.
- By a sample's own slopes, F passes the neurons between by their slopes, and max pools by the places that they chose.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ctsigprop.analysis.measures.degrees import angle_between, angle_of
from ctsigprop.analysis.measures.ways import ReturnPath, ways_round
from ctsigprop.continuous.connections import Dense, Tangent
from ctsigprop.continuous.network import Array, Network

Floats = NDArray[np.float64]
DOUBLE = np.dtype(np.float64)
LARGEST = 20_000_000
"""Numbers in what is carried back of one chunk of samples."""


def image_paths(network: Network) -> list[ReturnPath]:
    """Return what feeds back as a matrix into layers from which images lead on, with the way to where it begins."""
    paths = [ReturnPath(loop[0], loop[1:]) for loop in ways_round(network)]
    return [
        path
        for path in paths
        if isinstance(path.link.connection, Dense) and not all(isinstance(link.connection, Dense) for link in path.back)
    ]


def image_angles(network: Network) -> dict[str, float]:
    """Return the angles of the weights alone, in degrees by name."""
    found = {}
    for path in image_paths(network):
        weight = path.link.weight.astype(np.float64)
        way: Array = np.eye(len(weight))
        for tangent in reversed(_means(path)):
            way = tangent.pull(way)
        found[path.name] = angle_of(float((weight * way).sum()), float(np.linalg.norm(weight) * np.linalg.norm(way)))
    return found


def image_sample_angles(network: Network, displacement: Sequence[Array]) -> dict[str, Floats]:
    """Return the angles of signals; arguments and result as for `alignment.sample_angles`."""
    found = {}
    for path in image_paths(network):
        change = displacement[path.link.target - 1].astype(np.float64)
        change = change[change.any(axis=1)]
        delivered: Array = change
        for tangent in _means(path):
            delivered = tangent.push(delivered)
        found[path.name] = angle_between(delivered, change @ path.link.weight.T)
    return found


def image_slope_angles(network: Network, slopes: Sequence[Array], rates: Sequence[Array]) -> dict[str, Floats]:
    """Return the angles by samples' own slopes, in degrees by name, each (samples,).

    Args:
        network: its loops.
        slopes: of layers 1 to N, each (samples, units); see `Network.slopes_of`.
        rates: at the same equilibria, likewise.
    """
    found, samples = {}, len(slopes[0])
    for path in image_paths(network):
        chunk = max(1, LARGEST // (len(path.link.weight) * max(network.sizes[1:])))
        parts = [
            _own_angles(
                path, [layer[start : start + chunk] for layer in slopes], [r[start : start + chunk] for r in rates]
            )
            for start in range(0, samples, chunk)
        ]
        found[path.name] = np.concatenate([np.empty(0), *parts])
    return found


def _own_angles(path: ReturnPath, slopes: Sequence[Array], rates: Sequence[Array]) -> Floats:
    """F^T of every sample, (outputs, samples, units), beside B."""
    weight, samples = path.link.weight.astype(np.float64), len(slopes[0])
    at = {number: own.astype(DOUBLE) for number, own in enumerate(rates, start=1)}
    way: Array = np.broadcast_to(np.eye(len(weight))[:, None], (len(weight), samples, len(weight)))
    for link in reversed(path.back):
        exact = replace(link, connection=link.connection.astype(DOUBLE))
        way = exact.tangent(at).pull(way)
        if link.source != path.link.target:
            way = way * slopes[link.source - 1]
    inner = np.einsum("osu,ou->s", way, weight)
    norms = np.sqrt(np.einsum("osu,osu->s", way, way)) * np.linalg.norm(weight)
    return np.array([angle_of(*one) for one in zip(inner.tolist(), norms.tolist(), strict=True)])


def _means(path: ReturnPath) -> list[Tangent]:
    means = [replace(link, connection=link.connection.averaged().astype(DOUBLE)) for link in path.back]
    nowhere = {link.connection.source: np.empty(0) for link in means}
    return [link.tangent(nowhere) for link in means]
