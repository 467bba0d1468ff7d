"""Spiking networks to and from NIR, the Neuromorphic Intermediate Representation (Pedersen et al. 2024).

NIR has neither batch normalisation, nor max pooling, nor neurons that spike at exactly their threshold. What is written
computes the same spikes nevertheless:

- batch normalisation, as it is in inference, is folded into the weights before it;
- the maximum of spikes is 1 where there is any: SumPool2d, and IF neurons for which one spike suffices;
- v >= a is v > b for float32 voltages, where b is the float32 below a: so are thresholds written, and read.

What is written counts time in steps (dt = 1): IF without leak, LIF with it, tau = r = 1 / leak. The output node
gives the classification layer's output at each step; the network's prediction is the mean over the steps.

What others write is read at its own dt: see `ctsigprop.spiking.nir.neurons`.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nir

from ctsigprop.core.files import atomic
from ctsigprop.errors import InputError
from ctsigprop.spiking.network import SpikingNetwork
from ctsigprop.spiking.nir.chain import REMEDY
from ctsigprop.spiking.nir.exporting import to_graph
from ctsigprop.spiking.nir.importing import from_graph


def write_graph(network: SpikingNetwork, path: Path, scale: Mapping[str, Any] | None = None) -> None:
    """Writes a network as a NIR file, whole or not at all.

    Args:
        network: in evaluation mode.
        path: of the file.
        scale: of the images, which the graph's metadata then has beside steps and coding: `Trained.scale`.

    Raises:
        InputError: NIR cannot represent the network.
        RunFailure: the folder cannot be written.
    """
    content = io.BytesIO()
    nir.write(content, to_graph(network, scale))
    with atomic(path) as file:
        file.write(content.getvalue())


def read_graph(
    path: Path, steps: int | None = None, coding: str | None = None, dt: float | None = None
) -> SpikingNetwork:
    """Builds the network that a NIR file describes, in evaluation mode.

    Args:
        path: of the file.
        steps: of time; those that the file names where it is left out, or 4.
        coding: of images; that which the file names where it is left out, or direct.
        dt: length of a step in the unit of the file's time constants; that which the file names where it is left out,
            or 1.

    Raises:
        InputError: the file cannot be read, or its graph is not a chain of layers of this family.
    """
    try:
        return from_graph(nir.read(path, type_check=False), steps, coding, dt)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file: give a NIR file") from error
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except (AttributeError, LookupError, MemoryError, OSError) as error:
        raise InputError(f"{path}: is no NIR file, or a damaged one: write it with nir.write") from error
    except (AssertionError, RuntimeError, TypeError, ValueError) as error:  # from nir, HDF5 or torch
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: is no NIR graph whose nodes fit ({reason}): {REMEDY}") from error
