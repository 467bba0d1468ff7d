"""Peak memory of a piece of training: what is given to it, and what it makes.

Counted are the tensors given and every storage that an operation makes inside the block, for as long as anything keeps
it: an activation, what the graph saves for the backward pass, a gradient, a weight cast to another precision. Not
counted is what was there before: parameters, running statistics and the optimizer's moments. This is the same for every
learning rule and on every device, with one difference: CUDA's allocator also sees the scratch space that a kernel takes
while it runs, and rounds every tensor up to 512 bytes.
"""

import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, Self

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class PeakMemory(Protocol):
    """A block whose peak memory can be read after it.

    Attributes:
        bytes: the most that was counted at one time.
    """

    bytes: int

    def __enter__(self) -> Self:
        """Begins to count."""

    def __exit__(self, *exception: Any) -> None:
        """Ends the count."""


def peak_memory(device: torch.device, given: Iterable[Tensor] = ()) -> PeakMemory:
    """A block that counts the memory of a device.

    Args:
        device: where the block works.
        given: tensors from before the block that it is charged with, such as the inputs of a layer.
    """
    return AllocatedMemory(device, given) if device.type == "cuda" else LiveStorages(given)


class LiveStorages(TorchDispatchMode):
    """Follows every storage from the operation that makes it to the moment when nothing refers to it any more.

    An operation is seen from outside: what it allocates and frees while it runs is not.
    """

    def __init__(self, given: Iterable[Tensor] = ()) -> None:
        """Begins with the storages of `given`, each counted once."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0
        self._now = 0
        self._live: dict[int, weakref.ref[torch.UntypedStorage]] = {}
        for tensor in given:
            self._follow(tensor.untyped_storage())

    def __torch_dispatch__(
        self, operation: Any, types: Any, arguments: Sequence[Any] = (), keywords: Mapping[str, Any] | None = None
    ) -> Any:
        """Runs an operation, and follows the storages among its results that were not among its arguments."""
        keywords = keywords or {}
        results = operation(*arguments, **keywords)
        known = {id(storage) for storage in _storages((arguments, keywords))}
        for storage in _storages(results):
            if id(storage) not in known:
                self._follow(storage)
        return results

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = id(storage), storage.nbytes()
        if key in self._live:
            return

        def freed(_: object) -> None:
            del self._live[key]
            self._now -= size

        self._live[key] = weakref.ref(storage, freed)
        self._now += size
        self.bytes = max(self.bytes, self._now)


class AllocatedMemory:
    """What CUDA's allocator handed out on a device, beyond what it had handed out before the block."""

    def __init__(self, device: torch.device, given: Iterable[Tensor] = ()) -> None:
        """Charges the block with the storages of `given`, each counted once."""
        self.bytes = 0
        self._device = device
        self._given = sum({id(storage): storage.nbytes() for storage in _storages(list(given))}.values())
        self._before = 0

    def __enter__(self) -> Self:
        """Begins to count."""
        torch.cuda.synchronize(self._device)
        torch.cuda.reset_peak_memory_stats(self._device)
        self._before = torch.cuda.memory_allocated(self._device)
        return self

    def __exit__(self, *exception: Any) -> None:
        """Ends the count."""
        torch.cuda.synchronize(self._device)
        self.bytes = self._given + torch.cuda.max_memory_allocated(self._device) - self._before


def _storages(values: Any) -> list[torch.UntypedStorage]:
    return [value.untyped_storage() for value in tree_leaves(values) if isinstance(value, Tensor)]
