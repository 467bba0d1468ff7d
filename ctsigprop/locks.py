"""Locks of folders, by which processes keep out of each other's way."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from ctsigprop.errors import Busy

LOCK = ".lock"
BUSY = "another process is training in this folder: wait for it to end, or choose another --run-dir"


def lock_folder(path: Path, busy: str = BUSY) -> BinaryIO:
    """Holds a folder for this process; the system lets go when the process ends, however it ends.

    Returns:
        The lock: closing it lets go too.

    Raises:
        Busy: another process holds it, in the words of `busy`.
        OSError: the folder cannot be written.
    """
    file = (path / LOCK).open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        file.close()
        raise Busy(f"{path}: {busy}") from error
    return file


def wait_for_folder(path: Path) -> None:
    """Returns once no other process holds the folder; it need not exist."""
    with suppress(FileNotFoundError), (path / LOCK).open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """A block that one process at a time is in, for a folder; the others wait.

    Raises:
        OSError: the folder cannot be written.
    """
    with (folder / LOCK).open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
