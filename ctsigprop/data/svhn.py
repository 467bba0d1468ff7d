"""SVHN's cropped digits: MATLAB v5 files of pixels X (32, 32, 3, samples) and labels y (samples, 1).

Label 10 stands for digit 0.

Source: Y. Netzer et al., "Reading Digits in Natural Images with Unsupervised Feature Learning", 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from math import prod
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctsigprop.data.files import MOST_BYTES, MalformedFile, read
from ctsigprop.data.labels import checked_labels


def read_svhn(
    paths: Sequence[Path], samples: int, shape: tuple[int, ...], classes: int
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Images (samples, 3, 32, 32) and labels (samples,) of one split; digit 0 is label 0.

    Raises:
        MalformedFile: Not a MATLAB v5 file, X or y missing or of another size, or labels out of range.
    """
    (path,) = paths
    variables = _read_matlab(path)
    channels, height, width = shape
    pixels = _variable(path, variables, "X", (height, width, channels, samples))
    labels = checked_labels(path, _variable(path, variables, "y", (samples, 1))[:, 0], 1, classes)
    return np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)), labels % classes


def _read_matlab(path: Path) -> dict[str, NDArray[np.uint8]]:
    from scipy.io import loadmat, whosmat

    content = read(path)
    try:
        size = sum(prod(shape) for _, shape, _ in whosmat(BytesIO(content)))
        if size > MOST_BYTES:
            raise ValueError(f"{size:,} values")
        return dict(loadmat(BytesIO(content), variable_names=("X", "y")))
    except Exception as error:  # SciPy meets a damaged file with errors of many types
        reason = " ".join(str(error).split()) or type(error).__name__
        raise MalformedFile(path, "a MATLAB v5 file", f"one that does not read ({reason})") from error


def _variable(
    path: Path, variables: dict[str, NDArray[np.uint8]], name: str, shape: tuple[int, ...]
) -> NDArray[np.uint8]:
    expected = f"{name} of uint8 {'x'.join(map(str, shape))}"
    if name not in variables:
        raise MalformedFile(path, expected, f"no {name}")
    value = variables[name]
    if value.shape != shape or value.dtype != np.uint8:
        raise MalformedFile(path, expected, f"{name} of {value.dtype} {'x'.join(map(str, value.shape))}")
    return value
