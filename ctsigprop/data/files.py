"""Reading and writing files whole: gzipped or not, and never half."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from ctsigprop.core.files import read_bytes

MOST_BYTES = 1 << 29
"""Of a file of a dataset, unpacked; the largest has 182 MB."""
CHUNK_BYTES = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


class MalformedFile(ValueError):
    """A file that cannot be what its name says; one line with the path, the expectation and the finding."""

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {found}")
        self.expected = expected
        self.found = found


def path_of(folder: Path, name: str) -> Path:
    """Path of the file `name` of `folder`: the first of its names, with .gz or without, under which it is there."""
    names = [name, f"{name}.gz"]
    if "-idx" in name:  # as copies of MNIST are often called
        names += [one.replace("-idx", ".idx") for one in names]
    return next((folder / one for one in names if os.path.isfile(folder / one)), folder / name)


def is_there(folder: Path, name: str) -> bool:
    """Return whether `folder` holds the file `name`, plain or gzipped, under one of its names."""
    return os.path.isfile(path_of(folder, name))


def read_packed(path: Path) -> bytes:
    """Content of a file as it is.

    Raises:
        MalformedFile: The file cannot be read, or holds too much.
    """
    try:
        return read_bytes(path, most=MOST_BYTES)
    except OSError as error:
        raise MalformedFile(path, "a readable file", str(error.strerror)) from error


def read(path: Path) -> bytes:
    """Content of a file, decompressed where it is a gzip stream, whatever its name says.

    Raises:
        MalformedFile: The file cannot be read or holds too much, or its gzip stream is cut short or damaged.
    """
    packed = read_packed(path)
    if not packed.startswith(GZIP_MAGIC):
        return packed
    content = bytearray()
    try:
        with gzip.open(BytesIO(packed)) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                content += chunk
                if len(content) > MOST_BYTES:
                    raise MalformedFile(path, f"at most {MOST_BYTES:,} bytes", "a gzip stream of more")
    except EOFError as error:
        raise MalformedFile(path, "a whole gzip stream", f"one cut short after {len(packed)} bytes") from error
    except (OSError, zlib.error) as error:
        raise MalformedFile(path, "a gzip stream", f"a damaged one ({error})") from error
    return bytes(content)


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to and then rename from; what is left there at the end is removed."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
