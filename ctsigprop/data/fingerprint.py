"""The fingerprint of a dataset: what tells one from every other."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.data.scaling import blocks


def fingerprint(arrays: Iterable[NDArray[Any]]) -> str:
    """SHA-256, in hexadecimal, over the type, the shape and the bytes of each array, row by row."""
    digest = sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str}{array.shape}".encode())
        parts = [array] if array.flags.c_contiguous else (array[block] for block in blocks(len(array)))
        for part in parts:
            digest.update(np.ascontiguousarray(part).reshape(-1).view(np.uint8).data)
    return digest.hexdigest()
