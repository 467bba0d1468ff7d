"""Where the processes of a run meet, and the secret that they share.

On one machine they meet in a folder that only this user can enter, and listen on the loopback interface alone. Under
torchrun, the folder's name goes through torchrun's store: who forges it can only name a folder that is refused. On
several machines they meet at torchrun's store, and the user gives the secret.
"""

import os
import secrets
import shutil
import socket
import stat
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from torch._C._distributed_c10d import FileStore, Store, TCPStore

from ctsigprop.discrete.parallel.launch import number
from ctsigprop.errors import InputError

SECRET = "CTSIGPROP_SECRET"
SHORTEST = 16
FOLDER = "ctsigprop/meeting"
"""Key of torchrun's store: the folder to meet in."""
INTERFACES = ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")
SILENCE = timedelta(hours=1)
"""How long a process waits for another that lives, but says nothing: longer than any evaluation takes."""


class Meeting(NamedTuple):
    """A place to meet.

    Attributes:
        store: that all processes see.
        secret: that all of them know.
        folder: that holds both; None on several machines.
    """

    store: Store
    secret: bytes
    folder: Path | None = None

    def close(self) -> None:
        """Removes the folder, once no process needs it."""
        if self.folder is not None:
            remove(self.folder)


def remove(folder: Path) -> None:
    """Removes a folder to meet in; out of the way first, lest a process that still waits makes its store anew in it."""
    gone = folder.with_name(f"{folder.name}-gone")
    with suppress(OSError):  # another process removes it
        folder.rename(gone)
        shutil.rmtree(gone)


def opened(size: int, name: str = "") -> Meeting:
    """A new folder to meet in, by rank 0.

    Args:
        size: how many processes there are.
        name: of the run on this machine.
    """
    folder = Path(tempfile.mkdtemp(prefix=_prefix(name)))
    (folder / "secret").write_bytes(secrets.token_bytes())
    return entered(folder, size, name)


def entered(folder: Path, size: int, name: str = "") -> Meeting:
    """The folder that rank 0 made.

    Raises:
        InputError: it is not, or not this user's own.
    """
    try:
        status = folder.lstat()
        own = stat.S_ISDIR(status.st_mode) and (os.name == "nt" or _is_private(status))
        if not own or not folder.name.startswith(_prefix(name)):
            raise InputError(f"{folder}: is not rank 0's: somebody else writes to torchrun's store: start anew")
        secret = (folder / "secret").read_bytes()
    except OSError as error:
        remedy = f"on several machines set {SECRET}, else start anew"
        raise InputError(f"{folder}: rank 0's folder cannot be read ({error.strerror}): {remedy}") from error
    _keep_to_loopback()
    store = FileStore(str(folder / "store"), size)
    store.set_timeout(SILENCE)
    return Meeting(store, secret, folder)


def torchruns(rank: int, size: int) -> Meeting:
    """The meeting of processes that torchrun started.

    Raises:
        InputError: they run on several machines and share no secret, or the secret is short.
        RuntimeError: the store cannot be reached.
        OSError: its address is none of this machine's.
    """
    secret = os.environ.get(SECRET, "").encode()
    here = number("LOCAL_WORLD_SIZE", 1, default=size)
    if (secret or here < size) and len(secret) < SHORTEST:
        given = f"has {len(secret)} characters" if secret else "is not set, and the processes run on several machines"
        raise InputError(f"{SECRET}: {given}: give all of them one secret of {SHORTEST} characters or more")
    address, port = os.environ["MASTER_ADDR"], number("MASTER_PORT", 0, 2**16 - 1)
    store = _store(address, port, rank, size)
    if secret:
        return Meeting(store, secret)
    if rank == 0:
        meeting = opened(size, str(port))
        store.set(FOLDER, str(meeting.folder))
        return meeting
    return entered(Path(os.fsdecode(store.get(FOLDER))), size, str(port))


def _store(address: str, port: int, rank: int, size: int) -> Store:
    """That of torchrun's agent, or one that rank 0 opens at the address and at no other of its machine."""
    if rank > 0 or os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
        return TCPStore(address, port, size, is_master=False, timeout=SILENCE)
    family, _, _, _, place = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0]
    bound = socket.create_server(place[:2], family=family).detach()
    wait = {"wait_for_workers": False, "timeout": SILENCE}
    return TCPStore(address, port, size, is_master=True, master_listen_fd=bound, **wait)  # type: ignore[arg-type]


def _prefix(name: str) -> str:
    return f"ctsigprop-{name}-"


def _is_private(status: os.stat_result) -> bool:
    return status.st_uid == os.getuid() and not status.st_mode & 0o077


def _keep_to_loopback() -> None:
    """Has gloo and NCCL listen on the loopback interface, unless the user has chosen another."""
    names = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    for variable in INTERFACES:
        if names and os.name != "nt":
            os.environ.setdefault(variable, names[0])
