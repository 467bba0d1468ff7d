"""Normal random numbers that are a function of their place alone, so that no order of work changes them.

Philox4x32-10 (Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3) maps a counter of four words and a key
of two to four random words; Box & Muller (1958) make two normal numbers of two of them.
"""

from math import cos, log, pi, sin, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.core.compilation import compiled

ROUNDS = 10
_WORD = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_FIRST, _SECOND = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_GOLDEN, _SILVER = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_TO_UNIT = 2.0**-32


@compiled()
def philox(counter: NDArray[np.uint64], key: np.uint64, words: NDArray[np.uint64]) -> None:
    """Write four random words to `words`.

    Args:
        counter: four words of 32 bits, each in 64.
        key: two words of 32 bits, the first in the lower half.
        words: receives four of 32 bits, each in 64.
    """
    a, b, c, d = counter[0], counter[1], counter[2], counter[3]
    first, second = key & _WORD, key >> _SHIFT
    for _ in range(ROUNDS):
        one, other = _FIRST * a, _SECOND * c
        a, c = (other >> _SHIFT) ^ b ^ first, (one >> _SHIFT) ^ d ^ second
        b, d = other & _WORD, one & _WORD
        first, second = (first + _GOLDEN) & _WORD, (second + _SILVER) & _WORD
    words[0], words[1], words[2], words[3] = a, b, c, d


@compiled()
def add_normal(key: np.uint64, step: np.uint64, scale: NDArray[Any], out: NDArray[Any]) -> None:
    """Add scale times a standard normal number to every component of `out`.

    Args:
        key: of the stream.
        step: number of the step within it.
        scale: of each component, (n,), or one for all, (1,).
        out: (n,).
    """
    counter, words = np.empty(4, np.uint64), np.empty(4, np.uint64)
    one_scale = scale.size == 1
    for start in range(0, out.size, 4):
        block = np.uint64(start // 4)
        counter[0], counter[1] = block & _WORD, block >> _SHIFT
        counter[2], counter[3] = step & _WORD, step >> _SHIFT
        philox(counter, key, words)
        for pair in range(2):
            radius = sqrt(-2.0 * log((words[2 * pair] + 0.5) * _TO_UNIT))
            turn = 2.0 * pi * (words[2 * pair + 1] * _TO_UNIT)
            for half in range(2):
                i = start + 2 * pair + half
                if i < out.size:
                    normal = radius * (cos(turn) if half == 0 else sin(turn))
                    out[i] += out.dtype.type(scale[0 if one_scale else i] * normal)
