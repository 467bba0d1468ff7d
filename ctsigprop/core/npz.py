"""NPZ files that anybody may have written: nothing is unpickled, and no memory is taken on a header's word."""

import os
import zipfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ctsigprop.core.files import open_regular

ZIP, EMPTY_ZIP = b"PK\x03\x04", b"PK\x05\x06"
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
    with _archive(path, inside) as archive:
        most = half_of_memory() if packed else min(half_of_memory(), _size(archive))
        unpacked = sum(member.file_size for member in archive.infolist())
        if unpacked > most:
            raise Unusable(f"unpacks to {unpacked:,} bytes, and at most {most:,} are read")
        members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
        wanted = members.keys() if names is None else members.keys() & set(names)
        return {name: _array(archive, name, member) for name, member in members.items() if name in wanted}


def names_in(path: Path) -> list[str]:
    """Names of the arrays of an NPZ file, those that are there twice included.

    Raises:
        OSError, Unusable: as `read_npz`.
    """
    with _archive(path) as archive:
        return [name.removesuffix(".npy") for name in archive.namelist()]


@contextmanager
def _archive(path: Path, inside: Path | None = None) -> Iterator[zipfile.ZipFile]:
    """The file, open; what zipfile and NumPy raise in the block at a damaged one becomes Unusable."""
    try:
        with open_regular(path, inside) as file:
            if file.read(len(ZIP)) not in (ZIP, EMPTY_ZIP):
                raise Unusable(NO_NPZ)
            with zipfile.ZipFile(file) as archive:
                yield archive
    except (OSError, MemoryError, Unusable):
        raise
    except Exception as error:
        raise Unusable(CORRUPT) from error


def half_of_memory() -> int:
    """Bytes of half of this machine's memory; 8 GiB where it does not say."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return 1 << 33


def _array(archive: zipfile.ZipFile, name: str, member: zipfile.ZipInfo) -> NDArray[Any]:
    """An array whose header asks for as many bytes as the member holds."""
    with archive.open(member) as stream:
        shape, dtype = _header(stream)
        if dtype.hasobject:
            raise Unusable(f"{name} holds Python objects")
        if prod(shape) * dtype.itemsize != member.file_size - stream.tell():
            raise Unusable(CORRUPT)
        stream.seek(0)
        return np.asarray(npy.read_array(stream, allow_pickle=False))


def _size(archive: zipfile.ZipFile) -> int:
    """Bytes of the file itself."""
    assert archive.fp is not None
    return os.fstat(archive.fp.fileno()).st_size


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    shape, _, dtype = HEADERS[npy.read_magic(stream)](stream)
    return shape, dtype
