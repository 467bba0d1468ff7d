"""Locks of folders, by which processes keep out of each other's way."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from ctsigprop.errors import Busy

LOCK = ".lock"
BUSY = "another process is training in this folder: wait for it to end, or choose another --run-dir"


def lock_folder(path: Path, busy: str = BUSY) -> ExitStack:
    """Lock a folder for this process; the lock ends with the process.

    Returns:
        The lock: closing it lets go too.

    Raises:
        Busy: another process holds it, in the words of `busy`.
        OSError: the folder cannot be written.
    """
    lock, held = _lock(path), ExitStack()
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise Busy(f"{path}: {busy}") from error
    held.callback(lock.release)
    return held


def wait_for_folder(path: Path) -> None:
    """Return once no other process holds the folder; it need not exist."""
    if (path / LOCK).exists():
        with suppress(FileNotFoundError), _lock(path):
            pass


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """A block that one process at a time is in, for a folder; the others wait.

    Raises:
        OSError: the folder cannot be written.
    """
    with _lock(folder):
        yield


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / LOCK, thread_local=False)
