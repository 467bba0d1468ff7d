"""Weight alignment round a loop (paper, Sec. V-B and Fig. 4): every matrix against the way back along the others.

A link that feeds back closes a loop with the forward matrices between the layers that it joins. A matrix of the
loop from layer i to layer j is compared with the product of all the others from j on round to i, transposed: were
that angle zero, the loop would return exactly what backpropagation sends. W12, W23 and W31 of a network with two
hidden layers are W1, W2 and W3 in the paper; "W23 vs W31*W12" is its W31 against W2. With feedback weights of its
own, equilibrium propagation has loops of two matrices: "W12 vs W21", which is 0 where the two are one.

Two measures, in degrees:

- `angles`, of the matrices: the angle between A and P^T under the inner product <A, P^T> = trace(A P).
- `sample_angles`, of one sample's signals: the angle between d P, what the way back delivers to the layer that A
  leaves, and d A^T, what transposed weights would deliver, d being the displacement of the rates of the layer
  that A enters by that sample's nudge. The rates of change of the neurons between are left out of both.

90 stands for no agreement: what random weights have, and by definition what a zero matrix or signal has.
"""

from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from ctsigprop.analysis.measures.degrees import angle_between, angle_of
from ctsigprop.analysis.measures.image_loops import image_angles, image_sample_angles
from ctsigprop.analysis.measures.ways import Loop, ReturnPath, ways_round
from ctsigprop.continuous.connections import Dense, Link
from ctsigprop.continuous.network import Array, Network, require_network
from ctsigprop.errors import InputError
from ctsigprop.runs.rows import Signal


def loops(network: Network) -> list[Loop]:
    """Return every loop of matrices; for those that pass images see `image_loops`."""
    return [loop for loop in ways_round(network) if all(isinstance(link.connection, Dense) for link in loop)]


def left_out(network: Network) -> list[str]:
    """Return names of the connections between neurons that are in no loop, and so have no angle."""
    inside = {link.name for loop in ways_round(network) for link in loop}
    return [link.name for link in network.links() if link.source > 0 and link.name not in inside]


def return_paths(loop: Loop) -> Iterator[ReturnPath]:
    """Return the matrices of a loop in the paper's order: the feedback, then from the output layer down.

    Of a loop of two matrices, which have one angle, only the forward matrix.
    """
    places = [1] if len(loop) == 2 else [0, *range(len(loop) - 1, 0, -1)]
    for place in places:
        yield ReturnPath(loop[place], loop[place + 1 :] + loop[:place])


def angles(network: Network) -> dict[str, float]:
    """Return the angle between every matrix of a loop and the transposed product of the others, in degrees by name.

    Every product formed is as narrow as the loop's narrowest layer; float64 throughout.

    Args:
        network: of which every loop is measured.

    Raises:
        InputError: a weight is not finite, or it is no network.
    """
    require_network(network)
    found = image_angles(network)
    for loop in loops(network):
        found |= _angle_of_two(*return_paths(loop)) if len(loop) == 2 else _angles_of(loop)
    return found


def _angle_of_two(path: ReturnPath) -> dict[str, float]:
    weight, back = _scaled(path.link), _scaled(path.back[0]).T
    norms = np.linalg.norm(weight) * np.linalg.norm(back)
    return {path.name: angle_of(float((weight * back).sum()), float(norms))}


def _angles_of(loop: Loop) -> dict[str, float]:
    """Cut the loop open at its narrowest layer, of n units, so that every partial product has n rows or columns.

    The trace of the product all the way round is the same wherever one starts: it is <A, P^T> for every A.
    """
    cut = min(range(len(loop)), key=lambda place: loop[place].weight.shape[0])
    links = loop[cut:] + loop[:cut]
    weights = [_scaled(link) for link in links]
    identity = np.eye(weights[0].shape[0])
    ahead = list(accumulate(weights, np.matmul, initial=identity))
    behind = list(accumulate(reversed(weights), lambda product, weight: weight @ product, initial=identity))
    trace = float(np.trace(ahead[-1]))
    found = {}
    for place, (link, weight) in enumerate(zip(links, weights, strict=True)):
        # The way back is behind @ ahead, which has the norm of R @ ahead where behind = Q R.
        triangle = np.linalg.qr(behind[len(links) - 1 - place], mode="r")
        norms = np.linalg.norm(weight) * np.linalg.norm(triangle @ ahead[place])
        found[link.name] = angle_of(trace, float(norms))
    return {path.name: found[path.link.name] for path in return_paths(loop)}


def sample_angles(network: Network, displacement: Sequence[Array]) -> dict[str, NDArray[np.float64]]:
    """Return the angle between what the way back and what transposed weights deliver, sample by sample, in degrees.

    Args:
        network: its loops.
        displacement: of the rates of layers 1 to N by nudging, each (samples, units).

    Returns:
        By name, one angle for every sample whose nudge displaces the layer that the matrix enters.
    """
    found = image_sample_angles(network, displacement)
    for loop in loops(network):
        for path in return_paths(loop):
            change = displacement[path.link.target - 1].astype(np.float64)
            change = change[change.any(axis=1)]
            delivered = change
            for link in path.back:
                delivered = delivered @ link.weight
            found[path.name] = angle_between(delivered, change @ path.link.weight.T)
    return found


def summary(degrees: NDArray[np.float64]) -> Signal:
    """Return mean and standard deviation over the samples that the nudge moves."""
    if len(degrees) == 0:
        return {"samples": 0, "mean": None, "standard_deviation": None}
    return {"samples": len(degrees), "mean": float(degrees.mean()), "standard_deviation": float(degrees.std())}


def mean_and_deviation(signal: Signal) -> tuple[float, float] | None:
    """Return what a summary holds in degrees; None if the nudge moves no sample."""
    mean, deviation = signal["mean"], signal["standard_deviation"]
    return None if mean is None or deviation is None else (mean, deviation)


def _scaled(link: Link) -> NDArray[np.float64]:
    """Return the weights in float64, the largest at magnitude 1, so that no product of them over- or underflows."""
    largest = float(np.abs(link.weight).max())
    if not np.isfinite(largest):
        raise InputError(f"{link.name} holds values that are not finite: it has no angle")
    return np.divide(link.weight, largest or 1.0, dtype=np.float64)
