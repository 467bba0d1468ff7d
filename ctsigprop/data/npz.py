"""Arrays of the user's own from an NPZ file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from numpy.typing import NDArray

from ctsigprop.core.npz import Unusable, names_in
from ctsigprop.core.npz import read_npz as read_arrays
from ctsigprop.data.own import PARTS
from ctsigprop.errors import InputError

WHOLE = ("x", "y")
SAVE = "save it as np.savez(FILE, x_train=..., y_train=..., x_test=..., y_test=...) or np.savez(FILE, x=..., y=...)"

Pair = tuple[NDArray[Any], NDArray[Any]]


class Arrays(NamedTuple):
    """What a file holds: the training part, or the whole where it holds no other, and the parts that it has."""

    whole: Pair
    validation: Pair | None
    test: Pair | None


def read_npz(path: Path) -> Arrays:
    """Read `x_train`, `y_train` and, if there are any, `x_validation`, `y_validation`, `x_test`, `y_test`.

    In place of `x_train` and `y_train` the file may hold `x` and `y`. Nothing in it is unpickled.

    Raises:
        InputError: the file cannot be read, or an array is missing, is one too many, or is none of numbers.
    """
    try:
        names = _pairs(path, names_in(path))
        arrays = read_arrays(path, {name for pair in names.values() for name in pair}, packed=True)
    except MemoryError as error:
        raise InputError(f"{path}: does not fit into memory: save fewer samples, or a smaller type") from error
    except Unusable as error:
        raise InputError(f"{path}: {error}: {SAVE}") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}): give an NPZ file") from error
    pairs = {part: (arrays[x], arrays[y]) for part, (x, y) in names.items()}
    return Arrays(pairs["train"], pairs.get("validation"), pairs.get("test"))


def _pairs(path: Path, there: list[str]) -> dict[str, tuple[str, str]]:
    """The names of each part's arrays."""
    held = f"it holds {', '.join(sorted(there)) or 'nothing'}: {SAVE}"
    named = {part: (f"x_{part}", f"y_{part}") for part in PARTS}
    if not {*named["train"]} & {*there}:
        named["train"] = WHOLE
    known = [name for pair in named.values() for name in pair]
    if odd := [name for name in there if name not in known or there.count(name) > 1]:
        raise InputError(f"{path}: {odd[0]} is none of {', '.join(known)}, or is there twice; {held}")
    found = {part: pair for part, pair in named.items() if part == "train" or {*pair} & {*there}}
    for name in (name for pair in found.values() for name in pair):
        if name not in there:
            raise InputError(f"{path}: has no array {name}; {held}")
    return found
