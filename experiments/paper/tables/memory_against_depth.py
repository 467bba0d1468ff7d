"""Peak memory of training on a batch against the number of equal layers: flat for SP, linear for BP (Sec. IV-A)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ctsigprop.analysis.plots.memory import memory_figure
from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.discrete.cost import peak_bytes
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.discrete import (
    Algorithm,
    DiscreteLearningSettings,
    DiscreteNetworkSettings,
    DiscreteTrainingSettings,
)

ALGORITHMS: tuple[Algorithm, ...] = ("bp", "sp")
SIDE, CLASSES = 32, 10
UNITS = SIDE**2  # as many as inputs: all layers are equal


def memory_against_depth(depths: Sequence[int], hardware: Hardware, figure: Path) -> dict[str, Any]:
    """Measure and draw it, for fully connected networks with batch normalisation and dropout, in float32.

    Args:
        depths: numbers of hidden layers, from the smallest to the largest.
        hardware: whose memory it is.
        figure: where the drawing goes: a PNG or a PDF.

    Returns:
        Units and samples, and for each rule its bytes at each depth.

    Raises:
        RunFailure: the folder cannot be written.
    """
    found = {algorithm.upper(): [_peak(algorithm, depth, hardware) for depth in depths] for algorithm in ALGORITHMS}
    with styled():
        save(memory_figure(depths, found), figure)
    for algorithm, peaks in found.items():
        rise = peaks[-1] / peaks[0]
        print(f"{algorithm}: {rise:.2f} times the memory with {depths[-1]} layers as with {depths[0]}", flush=True)
    return {"units": UNITS, "samples": DiscreteSettings().training.batch_size, "depths": depths, "bytes": found}


def _peak(algorithm: Algorithm, depth: int, hardware: Hardware) -> int:
    settings = DiscreteSettings(
        network=DiscreteNetworkSettings(hidden=(UNITS,) * depth),
        learning=DiscreteLearningSettings(algorithm=algorithm),
        training=DiscreteTrainingSettings(**hardware.training),
    )
    return peak_bytes(settings, (1, SIDE, SIDE), CLASSES)
