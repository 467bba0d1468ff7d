"""The processes that train one network: how they find each other, what they tell each other, and which one was lost."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.nn  # before a group exists: imported later, its default arguments hold the group for ever
from torch._C._distributed_c10d import Store, TCPStore
from torch.distributed.rendezvous import rendezvous

from ctsigprop.discrete.heap import keep_freed_memory
from ctsigprop.discrete.parallel_launch import number
from ctsigprop.discrete.parallel_signals import Inlet, Lost, Outlet
from ctsigprop.discrete.training import device_for
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.settings import DiscreteSettings
from ctsigprop.threads import VARIABLES

HERE = "127.0.0.1"
SILENCE = timedelta(hours=1)
"""How long a process waits for another that lives, but says nothing: longer than any evaluation takes."""
GRACE = 10.0
"""Seconds that processes have to end, or to say why they ended."""
LEFT = 75
"""Exit status of a process that ended because another one had."""

FAILURE = "failure"
LOST = "lost"


class Peers:
    """This process among those that train one network, from rank 0, where the inputs enter.

    Attributes:
        rank: of this process.
        size: how many there are.
        children: the others, from rank 1, where this process started them.
        signals: the group that signals travel through from GPU to GPU; None where they pass through memory.
    """

    def __init__(self, store: Store, rank: int, size: int, children: Sequence["subprocess.Popen[bytes]"] = ()):
        """Joins the others.

        Args:
            store: that all of them see.
            rank: of this process.
            size: how many there are.
            children: the others, from rank 1, where this process started them.
        """
        self.rank, self.size = rank, size
        self.signals: dist.ProcessGroup | None = None
        self._store, self.children = store, children
        dist.init_process_group("gloo", store=store, rank=rank, world_size=size, timeout=SILENCE)

    def share(self, value: Any = None) -> Any:
        """What rank 0 gives, in every process.

        Raises:
            Lost: a process has ended.
        """
        values = [value]
        try:
            dist.broadcast_object_list(values, src=0)
        except RuntimeError as error:
            raise Lost from error
        return values[0]

    def gather(self, value: Any = None) -> list[Any]:
        """What every process gives, by rank, in rank 0; an empty list elsewhere.

        Raises:
            Lost: a process has ended.
        """
        values = [None] * self.size if self.rank == 0 else None
        try:
            dist.gather_object(value, values, dst=0)
        except RuntimeError as error:
            raise Lost from error
        return values or []

    def outlet(self) -> Outlet | None:
        """To the next process; None in the last one."""
        return Outlet(self.rank + 1, self.signals) if self.rank + 1 < self.size else None

    def inlet(self, device: torch.device) -> Inlet:
        """From the process before, to the device."""
        return Inlet(self.rank - 1, device, self.signals)

    def device(self, settings: DiscreteSettings) -> torch.device:
        """The device of this process; processes of one machine take its GPUs in turn.

        Where every process has a GPU of its own, signals travel from one to the other.

        Raises:
            InputError: there is no GPU here.
            Lost: a process has ended.
        """
        if device_for(settings.training.device).type == "cpu":
            return torch.device("cpu")
        gpus = torch.cuda.device_count()
        torch.cuda.set_device(number("LOCAL_RANK", 0, default=0) % gpus)
        apart = [False] * self.size
        try:
            dist.all_gather_object(apart, gpus >= self.here)
            if all(apart) and dist.is_nccl_available():
                self.signals = dist.new_group(backend="nccl", timeout=SILENCE)
        except RuntimeError as error:
            raise Lost from error
        return torch.device("cuda", torch.cuda.current_device())

    @property
    def here(self) -> int:
        """How many of the processes are on this machine."""
        return self.size if self.children else number("LOCAL_WORLD_SIZE", 1, default=self.size)

    def share_threads(self, threads: int) -> None:
        """Gives this process its part of the threads of a run."""
        torch.set_num_threads(max(1, threads // self.here))
        keep_freed_memory()

    def note_failure(self, failure: str) -> None:
        """Leaves word of why this process ends; the first word counts."""
        self._note(FAILURE, failure)

    def failure(self) -> str:
        """The word that was left first; empty where there is none."""
        return self._noted(FAILURE)

    def note_lost(self, rank: int) -> None:
        """Leaves word that a process has ended without a word; the first word counts."""
        self._note(LOST, str(rank))

    def ended(self, stages: Sequence[str], remedy: str) -> RunFailure:
        """Why the run has failed, once a process is lost.

        Args:
            stages: what the stages of each process are called.
            remedy: what to do.
        """
        until = time.monotonic() + GRACE
        while time.monotonic() < until:
            if failure := self.failure():
                return RunFailure(failure)
            for rank, child in enumerate(self.children, start=1):
                if child.poll() not in (None, 0, LEFT):
                    cause = _cause(child.returncode)
                    return RunFailure(f"{stages[rank]} (process {rank}) ended with {cause}: {remedy}")
            if not self.children and (lost := self._noted(LOST)):
                return RunFailure(f"{stages[int(lost)]} (process {lost}) ended: {remedy}")
            time.sleep(0.05)
        return RunFailure(f"one of {', '.join(stages)} no longer answers: {remedy}")

    def leave(self) -> None:
        """Ends what this process shares with the others, once all of them are done."""
        until = time.monotonic() + GRACE
        for child in self.children:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, until - time.monotonic()))
        self.abandon()

    def abandon(self) -> None:
        """Ends all processes that this one started, whatever they are doing."""
        for child in self.children:
            child.kill()
            child.wait()
        dist.destroy_process_group()

    def _note(self, key: str, text: str) -> None:
        with suppress(RuntimeError):  # where the process with the store has ended, nobody reads it
            self._store.compare_set(key, "", text)

    def _noted(self, key: str) -> str:
        with suppress(RuntimeError):
            if self._store.check([key]):
                return self._store.get(key).decode()
        return ""


def joined() -> Peers:
    """This process among those that torchrun started.

    Raises:
        InputError: the others cannot be reached.
    """
    try:
        store, rank, size = next(rendezvous("env://", timeout=SILENCE))
        store.set(f"here/{rank}", "")
        return Peers(store, rank, size)
    except (RuntimeError, ValueError) as error:
        place = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        raise InputError(f"MASTER_ADDR, MASTER_PORT = {place}: the other processes cannot be reached") from error


def started(size: int, threads: int) -> Peers:
    """This process, as rank 0, and others that it starts on this machine.

    Args:
        size: how many, with this one.
        threads: of the whole run.

    Raises:
        RunFailure: one of them ended before it joined.
    """
    store = TCPStore(HERE, 0, is_master=True, wait_for_workers=False, timeout=SILENCE)
    common = dict(os.environ)
    common |= {name: str(max(1, threads // size)) for name in VARIABLES}
    common.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # a lost process is told in one line
    common |= {"MASTER_ADDR": HERE, "MASTER_PORT": str(store.port)}
    common |= {"WORLD_SIZE": str(size), "LOCAL_WORLD_SIZE": str(size)}
    command = [sys.executable, "-m", "ctsigprop.discrete.parallel_member"]
    children = [
        subprocess.Popen(command, env=common | {"RANK": str(rank), "LOCAL_RANK": str(rank)}, start_new_session=True)
        for rank in range(1, size)
    ]
    try:
        _await(store, children)
        return Peers(store, 0, size, children)
    except BaseException:
        for child in children:
            child.kill()
            child.wait()
        raise


def _await(store: Store, children: Sequence["subprocess.Popen[bytes]"]) -> None:
    """Returns once all children have reached the store."""
    while not store.check([f"here/{rank}" for rank in range(1, len(children) + 1)]):
        for rank, child in enumerate(children, start=1):
            if child.poll() is not None:
                raise RunFailure(f"process {rank} ended with {_cause(child.returncode)} before it joined the others")
        time.sleep(0.02)


def _cause(status: int) -> str:
    return f"signal {-status} ({signal.Signals(-status).name})" if status < 0 else f"status {status}"
