"""How the processes that train one network start and find each other."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from torch._C._distributed_c10d import Store

from ctsigprop.core.threads import VARIABLES
from ctsigprop.discrete.parallel.launch import number
from ctsigprop.discrete.parallel.meeting import Meeting, entered, opened, remove, torchruns
from ctsigprop.discrete.parallel.peers import LEFT, Peers, cause_of
from ctsigprop.errors import InputError, RunFailure

FOLDER = "CTSIGPROP_MEETING"
PARENT = "CTSIGPROP_PARENT"
"""What a process that is started is told: the folder to meet in, and the process that started it."""
ORPHANED = 0.5
"""Seconds after which a process whose parent was killed knows it."""


def joined() -> Peers:
    """This process among those that another one, or torchrun, started.

    Raises:
        InputError: the others cannot be reached.
    """
    rank, size = number("RANK", 0), number("WORLD_SIZE", 1)
    folder = os.environ.get(FOLDER)
    try:
        if folder is None:
            return Peers(torchruns(rank, size), rank, size)
        meeting = entered(Path(folder), size)
        with _ending_with_parent(meeting):
            meeting.store.set(f"here/{rank}", "")
            return Peers(meeting, rank, size)
    except InputError:
        raise
    except (RuntimeError, ValueError, OSError) as error:
        place = folder or f"MASTER_ADDR, MASTER_PORT = {os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise InputError(f"{place}: the other processes cannot be reached") from error


def started(size: int, threads: int) -> Peers:
    """This process, as rank 0, and others that it starts on this machine.

    Args:
        size: how many, with this one.
        threads: of the whole run.

    Raises:
        RunFailure: one of them ended before it joined.
    """
    meeting = opened(size)
    common = dict(os.environ)
    common |= {name: str(max(1, threads // size)) for name in VARIABLES}
    common.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # a lost process is told in one line
    common |= {FOLDER: str(meeting.folder), PARENT: str(os.getpid())}
    common |= {"WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size)}
    command = [sys.executable, "-m", "ctsigprop.discrete.parallel.member"]
    children: list[subprocess.Popen[bytes]] = []
    try:
        for rank in range(1, size):
            place = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
            children.append(subprocess.Popen(command, env=common | place, start_new_session=True))
        _await(meeting.store, children)
        return Peers(meeting, 0, size, children)
    except BaseException:
        for child in children:
            child.kill()
            child.wait()
        meeting.close()
        raise


@contextmanager
def _ending_with_parent(meeting: Meeting) -> Iterator[None]:
    """Ends this process if the one that started it ends within the block; afterwards each notices by its messages."""
    done, parent = Event(), number(PARENT, 1)

    def watch() -> None:
        while not done.wait(0.2):
            if os.getppid() != parent:
                meeting.close()
                os._exit(LEFT)

    Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def leave_nothing() -> None:
    """Removes the folder where processes met if rank 0, which started this one, was killed before it could."""
    folder, until = os.environ.get(FOLDER), time.monotonic() + ORPHANED
    while folder and time.monotonic() < until:
        if os.getppid() != number(PARENT, 1):
            remove(Path(folder))
            return
        time.sleep(0.02)


def _await(store: Store, children: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Returns once all children have reached the store."""
    while not store.check([f"here/{rank}" for rank in range(1, len(children) + 1)]):
        for rank, child in enumerate(children, start=1):
            if child.poll() is not None:
                raise RunFailure(f"process {rank} ended with {cause_of(child.returncode)} before it joined the others")
        time.sleep(0.02)
