"""Files that are whole or not there: written under a temporary name in the same folder, synced, renamed."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ctsigprop.errors import RunFailure


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only when all of it is on disk.

    Raises:
        RunFailure: the disk is full or fails; what stood under the name is as it was.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with write_failures(path):
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def remove_temporary(*folders: Path) -> None:
    """Removes what `atomic` had under way in these folders when its process was killed; nobody may write there now."""
    for folder in folders:
        for left in folder.glob(".*.tmp"):
            left.unlink(missing_ok=True)


@contextmanager
def write_failures(path: Path) -> Iterator[None]:
    """Turns the system's refusal to write into one line.

    Raises:
        RunFailure: anything in the block raised OSError.
    """
    try:
        yield
    except OSError as error:
        remedy = "make room, or choose another folder"
        raise RunFailure(f"{path}: cannot be written ({error.strerror or error}): {remedy}") from error


def made(folder: Path) -> Path:
    """The folder, made where it is missing.

    Raises:
        RunFailure: it cannot be made.
    """
    with write_failures(folder):
        folder.mkdir(exist_ok=True)
    return folder


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON of plain Python and NumPy values; a number that is not finite becomes null."""
    return json.dumps(_plain(value), allow_nan=False, indent=indent)


def read_json(path: Path) -> Any:
    """What the file holds; None where it is missing or no JSON."""
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
