"""Memory that is freed is kept: the system is not asked for the pages of the next tensor again."""

import platform
import subprocess
import sys

import pytest

ROUNDS = """
from resource import RUSAGE_SELF, getrusage
import torch
from ctsigprop.layered.allocator import keep_freed_memory
{call}
torch.set_num_threads(1)
for _ in range(4):
    before = getrusage(RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones({size})
    print(getrusage(RUSAGE_SELF).ru_minflt - before)
"""
SIZE = 9_000_000  # 36 MB: more than what glibc takes from its heap of its own accord, 32 MB at most


def faults(call: str) -> list[int]:
    """Pages that the system had to give in each of four rounds of ten tensors, in a process of its own."""
    command = [sys.executable, "-c", ROUNDS.format(call=call, size=SIZE)]
    return [int(line) for line in subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="mallopt is glibc's")
def test_later_rounds_get_the_memory_of_those_before() -> None:
    """The heap's layout, which differs from process to process, may take a round or two to settle."""
    (*_, usual), (*_, kept) = faults(""), faults("keep_freed_memory()")
    assert kept < usual / 10
