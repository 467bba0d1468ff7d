"""Files that are whole or not there, and files that anybody may have put there.

What is written goes under a temporary name in the same folder, is synced and renamed. What is read must be a regular
file of a bounded size, and JSON of a bounded depth.
"""

import errno
import json
import math
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

from ctsigprop.errors import InputError, RunFailure

MOST_BYTES = 1 << 26
"""Of a file of a run, a sweep or a reproduction; 100,000 epochs of metrics take about as many."""
DEEPEST = 64
"""Objects and lists inside one another in JSON; a run writes six."""
LARGEST = 1e300
"""Above every number that a run writes in JSON, random states included."""

EXCLUSIVELY = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
"""Flags of a file that must be new, in a place where no link stands."""

KINDS = {
    stat.S_ISLNK: "a link",
    stat.S_ISDIR: "a folder",
    stat.S_ISCHR: "a device",
    stat.S_ISBLK: "a device",
    stat.S_ISFIFO: "a pipe",
    stat.S_ISSOCK: "a socket",
}
"""What is no regular file, by the test that tells."""


@contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name only when all of it is on disk.

    Raises:
        InputError: something stands under the name that is no regular file; see `check_replaceable`.
        RunFailure: the disk is full or fails; what stood under the name is as it was.
    """
    check_replaceable(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    with write_failures(path):
        descriptor = os.open(temporary, EXCLUSIVELY, 0o666)
        try:
            with open(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _sync_folder(path.parent)


def check_replaceable(path: Path, given: str = "") -> None:
    """Refuse the name of an existing file that may not be replaced.

    A link is refused, wherever it leads: to follow it would write where it says, in a folder of another's too, and to
    replace it would leave the file behind it as it was.

    Args:
        path: of the file.
        given: how a user named it, in the words of the refusal, such as "--output = ".

    Raises:
        InputError: it is a link, a folder, a device, a pipe or a socket.
    """
    try:
        mode = path.lstat().st_mode
    except OSError:  # there is none, or writing will say why not
        return
    if not stat.S_ISREG(mode):
        kind = next((name for test, name in KINDS.items() if test(mode)), "no regular file")
        raise InputError(f"{given}{path}: is {kind}: give the name of a file, new or to be replaced")


def remove_temporary(*folders: Path) -> None:
    """Remove temporary files that a killed process left in these folders; no other may write there meanwhile."""
    for folder in folders:
        for left in folder.glob(".*.tmp"):
            left.unlink(missing_ok=True)


@contextmanager
def write_failures(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write into one line.

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


@contextmanager
def open_regular(path: Path, inside: Path | None = None) -> Iterator[BufferedReader]:
    """Open a regular file to read it; nothing waits for a pipe or a device.

    Args:
        path: of the file.
        inside: folder that links may not leave; they may lead anywhere if left out.

    Raises:
        OSError: it is missing, cannot be read or is no regular file, or a link leads out of the folder.
    """
    if inside is not None and _leads_out(path, inside):
        raise OSError(errno.EPERM, "is a link that leads out of its folder", str(path))
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(path, "rb", opener=lambda name, _: os.open(name, flags)) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        yield file


def _leads_out(path: Path, inside: Path) -> bool:
    """Return whether a link between a folder and a file below it leads to a file elsewhere."""
    here = str(inside)
    for part in path.relative_to(inside).parts:
        here = os.path.join(here, part)
        if os.path.islink(here):
            real = Path(os.path.realpath(path))  # Path.resolve raises RuntimeError at a link to itself
            return not real.is_relative_to(os.path.realpath(inside))
    return False


def read_bytes(path: Path, inside: Path | None = None, most: int = MOST_BYTES) -> bytes:
    """Content of a regular file.

    Args:
        path: of the file.
        inside: folder that links may not leave; they may lead anywhere if left out.
        most: bytes that it may hold.

    Raises:
        OSError: as `open_regular`, or the file is larger.
    """
    with open_regular(path, inside) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise OSError(errno.EFBIG, f"is larger than {most:,} bytes", str(path))
        return file.read(size)


def parse_json(content: bytes) -> Any:
    """Value of a JSON text as a run writes it.

    Raises:
        ValueError: it is no JSON in UTF-8, is nested deeper than DEEPEST, or holds half of a surrogate pair or a whole
            number beyond LARGEST.
    """
    try:
        value = json.loads(content.decode())
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    level = [value]
    for _ in range(DEEPEST):
        if any(isinstance(one, int) and abs(one) > LARGEST for one in level):
            raise ValueError("a whole number that is too large")
        level = [inner for one in level if isinstance(one, dict | list) for inner in _inside(one)]
        if not level:
            break
    else:
        raise ValueError("nested too deeply")
    if b"\\u" in content:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _inside(value: dict[str, Any] | list[Any]) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value


def read_json(path: Path, inside: Path | None = None) -> Any:
    """Return what the file holds; None if it is missing, unreadable or no JSON."""
    try:
        return parse_json(read_bytes(path, inside))
    except (OSError, ValueError):
        return None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):  # of NumPy
        return _plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _sync_folder(folder: Path) -> None:
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except PermissionError:  # Windows opens no folder, and others none that may not be listed
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
