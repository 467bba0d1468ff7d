"""NPZ files that anybody may have written: nothing is unpickled, and no memory is taken on a header's word."""

import os
import zipfile
from collections.abc import Collection
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ctsigprop.core.files import open_regular

ZIP = b"PK\x03\x04"
NO_NPZ = "is no NPZ file"
CORRUPT = "is truncated or corrupt"
HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}


class Unusable(ValueError):
    """An NPZ file that cannot be used; the message goes on from its name, such as "is truncated or corrupt"."""


def read_npz(
    path: Path, names: Collection[str] | None = None, *, inside: Path | None = None, packed: bool = False
) -> dict[str, NDArray[Any]]:
    """Arrays of an NPZ file.

    Args:
        path: of the file.
        names: arrays to read, those of them that are there; all if left out.
        inside: folder that links may not leave; they may lead anywhere if left out.
        packed: whether the file may be compressed; it unpacks to its own size at most otherwise.

    Raises:
        OSError: the file is missing, cannot be read or is no regular file, or a link leads out of the folder.
        Unusable: it is no NPZ file or damaged, holds Python objects, or unpacks to more than half of the memory.
    """
    try:
        with open_regular(path, inside) as file:
            if file.read(len(ZIP)) != ZIP:
                raise Unusable(NO_NPZ)
            archive = zipfile.ZipFile(file)
            most = half_of_memory() if packed else min(half_of_memory(), os.fstat(file.fileno()).st_size)
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > most:
                raise Unusable(f"unpacks to {unpacked:,} bytes, and at most {most:,} are read")
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            return {name: _array(archive, member) for name, member in members.items() if names is None or name in names}
    except (OSError, MemoryError, Unusable):
        raise
    except Exception as error:  # zipfile and NumPy raise what they will at a damaged file
        raise Unusable(CORRUPT) from error


def names_in(path: Path) -> list[str]:
    """Names of the arrays of an NPZ file that `read_npz` has read."""
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


def half_of_memory() -> int:
    """Bytes of half of this machine's memory; 8 GiB where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return 1 << 33


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> NDArray[Any]:
    """An array whose header asks for as many bytes as the member holds."""
    with archive.open(member) as stream:
        shape, dtype = _header(stream)
        if dtype.hasobject:
            raise Unusable("holds Python objects")
        if prod(shape) * dtype.itemsize != member.file_size - stream.tell():
            raise Unusable(CORRUPT)
        stream.seek(0)
        return np.asarray(npy.read_array(stream, allow_pickle=False))


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    shape, _, dtype = HEADERS[npy.read_magic(stream)](stream)
    return shape, dtype
