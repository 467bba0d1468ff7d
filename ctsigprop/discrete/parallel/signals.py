"""What travels from one process to the next: a batch's [h, t] and its labels, and nothing back.

A message is a header, which gives the layout of every tensor, its signature and that of the tensors, and the tensors as
they lie in memory. The sender goes on with the next batch while its last ones travel; the receiver takes the next one
in while it works on the last.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from queue import Queue
from threading import Thread

import torch
import torch.distributed as dist
from torch import Tensor

from ctsigprop.discrete.parallel.seal import TAG, Seal
from ctsigprop.errors import RunFailure
from ctsigprop.layered.learner import Signal

DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64)
AXES = 6
TENSORS = 4
FIELDS = 3 + 2 * AXES
HEADER = 8 * TENSORS * FIELDS
ON_THE_WAY = 2

Message = tuple[Signal, Tensor]
"""A signal and the labels of its batch, shape (samples,)."""


class Lost(Exception):
    """Another process has ended.

    Attributes:
        rank: of the process, where this one had to do with it alone.
    """

    def __init__(self, rank: int | None = None) -> None:
        """Names the process."""
        super().__init__(rank)
        self.rank = rank


class Outlet:
    """Hands signals to the next process, a few of them under way at a time."""

    def __init__(self, rank: int, seal: Seal, group: dist.ProcessGroup | None = None) -> None:
        """Sends to a process.

        Args:
            rank: of the process.
            seal: of the signals to it.
            group: that tensors travel through, where they lie, unsigned; through this machine's memory if None.
        """
        self._rank, self._seal, self._group = rank, seal, group
        self._sent: deque[list[tuple[dist.Work, Tensor]]] = deque()

    def send(self, signal: Signal, labels: Tensor) -> None:
        """Hands on a signal, once no more than a few are under way.

        Raises:
            Lost: the next process has ended.
        """
        if len(self._sent) == ON_THE_WAY:
            self._wait(self._sent.popleft())
        self._send([signal.h, signal.t, signal.context, labels])

    def finish(self) -> None:
        """Says that no signal follows, and waits until all have arrived.

        Raises:
            Lost: the next process has ended.
        """
        self._send([])
        while self._sent:
            self._wait(self._sent.popleft())

    def _send(self, tensors: Sequence[Tensor | None]) -> None:
        present = [None if tensor is None else _dense(tensor) for tensor in tensors]
        header = _bytes(_header(present))
        flat = [_flat(self._placed(tensor)) for tensor in present if tensor is not None]
        signed = [] if self._group else flat
        tags = self._seal.tag(memory(header)) + self._seal.tag(*map(memory, signed))
        head = torch.cat([header, torch.frombuffer(bytearray(tags), dtype=torch.uint8)])
        parts = [(head, None), *((tensor, self._group) for tensor in flat)]
        try:
            self._sent.append([(_work(dist.isend(part, self._rank, group)), part) for part, group in parts])
        except RuntimeError as error:
            raise Lost(self._rank) from error

    def _placed(self, tensor: Tensor) -> Tensor:
        return tensor if self._group else tensor.cpu()

    def _wait(self, sent: Iterable[tuple[dist.Work, Tensor]]) -> None:
        try:
            for work, _ in sent:
                work.wait()
        except RuntimeError as error:
            raise Lost(self._rank) from error


class Inlet:
    """Takes signals in from the process before, one ahead of the one that is being worked on."""

    def __init__(self, rank: int, seal: Seal, device: torch.device, group: dist.ProcessGroup | None = None) -> None:
        """Receives from a process.

        Args:
            rank: of the process.
            seal: of the signals from it.
            device: where the tensors shall lie.
            group: that they travel through; through this machine's memory where it is None.
        """
        self._rank, self._seal, self._device, self._group = rank, seal, device, group
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def signals(self) -> Iterator[Message]:
        """The signals until the sender says that none follows.

        Raises:
            Lost: the process before has ended.
            RunFailure: a signal is not from it.
        """
        arrived: Queue[Message | Lost | RunFailure | None] = Queue(maxsize=1)
        Thread(target=self._receive, args=(arrived,), daemon=True).start()
        while (message := arrived.get()) is not None:
            if isinstance(message, Lost | RunFailure):
                raise message
            yield self._handed_over(message)

    def _receive(self, arrived: "Queue[Message | Lost | RunFailure | None]") -> None:
        try:
            with torch.cuda.stream(self._stream):  # of its own: the work on the last signal goes on
                while tensors := self._next():
                    if self._stream is not None:
                        self._stream.synchronize()
                    h, t, context, labels = tensors
                    assert h is not None and labels is not None
                    arrived.put((Signal(h, t, context), labels))
        except RunFailure as error:
            arrived.put(error)
        except RuntimeError:
            arrived.put(Lost(self._rank))
        else:
            arrived.put(None)

    def _next(self) -> list[Tensor | None]:
        head = torch.empty(HEADER + 2 * TAG, dtype=torch.uint8)
        _work(dist.irecv(head, self._rank)).wait()
        header, *tags = head.split([HEADER, TAG, TAG])
        self._seal.check(bytes(memory(tags[0])), memory(header))
        layouts = header.view(torch.int64).view(TENSORS, FIELDS).tolist()
        device = self._device if self._group else torch.device("cpu")
        tensors = [_empty(layout, device) for layout in layouts]
        flat = [_flat(tensor) for tensor in tensors if tensor is not None]
        for work in [_work(dist.irecv(one, self._rank, self._group)) for one in flat]:
            work.wait()
        self._seal.check(bytes(memory(tags[1])), *map(memory, [] if self._group else flat))
        return [None if tensor is None else tensor.to(self._device) for tensor in tensors] if flat else []

    def _handed_over(self, message: Message) -> Message:
        """The message, whose memory on a GPU is not used anew before the work on it is done."""
        signal, labels = message
        if self._stream is not None:
            for tensor in (signal.h, signal.t, signal.context, labels):
                if tensor is not None:
                    tensor.record_stream(torch.cuda.current_stream(self._device))
        return message


def _header(tensors: Sequence[Tensor | None]) -> Tensor:
    """Whether each tensor is there, its dtype, number of axes, shape and strides."""
    header = torch.zeros(TENSORS, FIELDS, dtype=torch.int64)
    for row, tensor in zip(header, tensors, strict=False):
        if tensor is not None:
            layout = [1, DTYPES.index(tensor.dtype), tensor.ndim, *tensor.shape, *tensor.stride()]
            row[: len(layout)] = torch.tensor(layout)
    return header


def _empty(layout: Sequence[int], device: torch.device) -> Tensor | None:
    present, dtype, axes, *extent = layout
    if not present:
        return None
    shape, strides = extent[:axes], extent[axes : 2 * axes]
    return torch.empty_strided(shape, strides, dtype=DTYPES[dtype], device=device)


def _dense(tensor: Tensor) -> Tensor:
    """The tensor, or a copy, whose elements fill its memory without a gap, in whatever order of the axes."""
    return tensor if tensor.stride() == torch.empty_like(tensor, device="meta").stride() else tensor.clone()


def _flat(tensor: Tensor) -> Tensor:
    """A dense tensor's memory, in order."""
    return tensor.as_strided((tensor.numel(),), (1,))


def _bytes(tensor: Tensor) -> Tensor:
    """A dense tensor's memory, byte by byte."""
    return _flat(tensor).view(torch.uint8)


def memory(tensor: Tensor) -> memoryview:
    """The bytes of a dense tensor in this machine's memory, without a copy."""
    return _bytes(tensor.detach()).numpy().data


def _work(work: dist.Work | None) -> dist.Work:
    assert work is not None  # only a process outside the group has none
    return work
