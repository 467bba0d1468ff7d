"""Reading and writing files whole: gzipped or not, and never half."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GZIP_MAGIC = b"\x1f\x8b"


class MalformedFile(ValueError):
    """A file that cannot be what its name says; one line with the path, the expectation and the finding."""

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(f"{path}: expected {expected}, found {found}")
        self.expected = expected
        self.found = found


def path_of(folder: Path, name: str) -> Path:
    """Path of the file `name` of `folder`: with .gz after its name where only such a file is there."""
    plain = folder / name
    packed = plain.with_name(f"{plain.name}.gz")
    return packed if os.path.isfile(packed) and not os.path.isfile(plain) else plain


def is_there(folder: Path, name: str) -> bool:
    """Whether `folder` holds the file `name`, plain or gzipped."""
    return os.path.isfile(path_of(folder, name))


def read(path: Path) -> bytes:
    """Content of a file, decompressed where it is a gzip stream, whatever its name says.

    Raises:
        MalformedFile: The file cannot be read, or its gzip stream is cut short or damaged.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise MalformedFile(path, "a readable file", str(error.strerror)) from error
    if not raw.startswith(GZIP_MAGIC):
        return raw
    try:
        return gzip.decompress(raw)
    except EOFError as error:
        raise MalformedFile(path, "a whole gzip stream", f"one cut short after {len(raw)} bytes") from error
    except (OSError, zlib.error) as error:
        raise MalformedFile(path, "a gzip stream", f"a damaged one ({error})") from error


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to and then rename from; what is left there at the end is removed."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)
