"""The processes that train one network: what they tell each other, and which one was lost."""

import hmac
import secrets
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta

import torch
import torch.distributed as dist
import torch.distributed.nn  # before a group exists: imported later, its default arguments hold the group for ever

from ctsigprop.discrete.parallel.launch import number
from ctsigprop.discrete.parallel.meeting import SILENCE, Meeting
from ctsigprop.discrete.parallel.seal import TAG, Seal
from ctsigprop.discrete.parallel.signals import Inlet, Lost, Outlet, memory
from ctsigprop.errors import RunFailure
from ctsigprop.layered.allocator import keep_freed_memory
from ctsigprop.layered.training import device_for
from ctsigprop.settings import DiscreteSettings

GRACE = 10.0
"""Seconds that processes have to end, or to say why they ended."""
LEFT = 75
"""Exit status of a process that ended because another one had."""
NONCE = 16
"""Random bytes that each process adds to the key, so that no message of another run is taken."""

LENGTH = 8
"""Bytes of the length of a message."""

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

    def __init__(
        self, meeting: Meeting, rank: int, size: int, children: Sequence["subprocess.Popen[bytes]"] = ()
    ) -> None:
        """Joins the others.

        Args:
            meeting: of all of them.
            rank: of this process.
            size: how many there are.
            children: the others, from rank 1, where this process started them.
        """
        self.rank, self.size = rank, size
        self.signals: dist.ProcessGroup | None = None
        self._meeting, self.children = meeting, children
        dist.init_process_group("gloo", store=meeting.store, rank=rank, world_size=size, timeout=SILENCE)
        meeting.store.set_timeout(timedelta(seconds=GRACE))
        self._key = hmac.digest(meeting.secret, self._nonces(), "sha256")
        others = [other for other in range(size) if other != rank]
        self._to = {other: Seal(self._key, f"from process {rank} to {other}") for other in others}
        self._from = {other: Seal(self._key, f"from process {other} to {rank}") for other in others}

    def share(self, message: bytes = b"") -> bytes:
        """What rank 0 gives, in every process.

        Raises:
            Lost: a process has ended.
            RunFailure: the message is not rank 0's.
        """
        if self.rank > 0:
            return self._receive(0)
        for other in range(1, self.size):
            self._send(other, message)
        return message

    def gather(self, message: bytes = b"") -> list[bytes]:
        """What every other process gives, by rank, in rank 0; an empty list elsewhere.

        Raises:
            Lost: a process has ended.
            RunFailure: a message is not that process's.
        """
        if self.rank > 0:
            self._send(0, message)
            return []
        return [self._receive(other) for other in range(1, self.size)]

    def outlet(self) -> Outlet | None:
        """To the next process; None in the last one."""
        following = self.rank + 1
        return Outlet(following, self._to[following], self.signals) if following < self.size else None

    def inlet(self, device: torch.device) -> Inlet:
        """From the process before, to the device."""
        return Inlet(self.rank - 1, self._from[self.rank - 1], device, self.signals)

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
        apart = torch.tensor(gpus >= self.here, dtype=torch.int64)
        try:
            dist.all_reduce(apart, dist.ReduceOp.MIN)
            if apart and dist.is_nccl_available():
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
        """Leaves word of why this process ends."""
        self._note(FAILURE, failure)

    def failure(self) -> str:
        """The word that a process has left; empty if none has."""
        return self._noted(FAILURE)

    def note_lost(self, rank: int) -> None:
        """Leaves word that another process has ended without a word, and removes what only rank 0 would."""
        self._note(LOST, str(rank))
        if rank == 0:
            self._meeting.close()

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
                    cause = cause_of(child.returncode)
                    return RunFailure(f"{stages[rank]} (process {rank}) ended with {cause}: {remedy}")
            if not self.children and (lost := self._noted(LOST)):
                return RunFailure(f"{stages[int(lost)]} (process {lost}) ended: {remedy}")
            time.sleep(0.05)
        return RunFailure(f"one of {', '.join(stages)} no longer answers: {remedy}")

    def leave(self) -> None:
        """Ends what this process shares with the others, once all of them are done."""
        self._close()
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
        self._close()

    def _close(self) -> None:
        if self.rank == 0:
            self._meeting.close()

    def _nonces(self) -> bytes:
        """Random bytes of every process, by rank."""
        own = _tensor(secrets.token_bytes(NONCE))
        every = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(every, own)
        return b"".join(bytes(memory(one)) for one in every)

    def _send(self, rank: int, message: bytes) -> None:
        length, seal = len(message).to_bytes(LENGTH), self._to[rank]
        try:
            dist.send(_tensor(length + seal.tag(length) + seal.tag(message)), rank)
            if message:
                dist.send(_tensor(message), rank)
        except RuntimeError as error:
            raise Lost(rank) from error

    def _receive(self, rank: int) -> bytes:
        seal = self._from[rank]
        head = self._received(rank, LENGTH + 2 * TAG)
        length, tag = head[:LENGTH], head[LENGTH + TAG :]
        seal.check(head[LENGTH:-TAG], length)
        count = int.from_bytes(length)
        message = self._received(rank, count) if count else b""
        seal.check(tag, message)
        return message

    def _received(self, rank: int, count: int) -> bytes:
        tensor = torch.empty(count, dtype=torch.uint8)
        try:
            dist.recv(tensor, rank)
        except RuntimeError as error:
            raise Lost(rank) from error
        return bytes(memory(tensor))

    def _note(self, key: str, text: str) -> None:
        tag = self._note_seal(key, self.rank).tag(text.encode()).hex()
        with suppress(RuntimeError):  # where the process with the store has ended, nobody reads it
            self._meeting.store.set(f"{key}/{self.rank}", tag + text)

    def _noted(self, key: str) -> str:
        for rank in range(self.size):
            with suppress(RuntimeError, ValueError):  # of the store, or because the word is somebody else's
                if self._meeting.store.check([f"{key}/{rank}"]):
                    word = self._meeting.store.get(f"{key}/{rank}").decode()
                    tag, text = bytes.fromhex(word[: 2 * TAG]), word[2 * TAG :]
                    self._note_seal(key, rank).check(tag, text.encode())
                    return text
        return ""

    def _note_seal(self, key: str, rank: int) -> Seal:
        return Seal(self._key, f"{key} of process {rank}")


def _tensor(message: bytes) -> torch.Tensor:
    return torch.frombuffer(bytearray(message), dtype=torch.uint8)


def cause_of(status: int) -> str:
    """How a process ended, by its exit status: a number, or a signal."""
    return f"signal {-status} ({signal.Signals(-status).name})" if status < 0 else f"status {status}"
