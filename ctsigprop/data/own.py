"""Arrays of the user's own: what they may hold, and how the parts that are not given are split off."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctsigprop.errors import InputError

Task = Literal["classification", "regression"]
Pair = tuple[ArrayLike, ArrayLike]
"""Inputs and labels, or targets."""

PARTS = ("train", "validation", "test")
LARGEST = float(np.finfo(np.float32).max)


class Part(NamedTuple):
    """Inputs (samples, ...) and labels, int64 (samples,), or targets, float32 (samples, outputs)."""

    x: NDArray[Any]
    y: NDArray[Any]


def parts_of(
    x: ArrayLike, y: ArrayLike, validation: Pair | None, test: Pair | None, split: Sequence[float], seed: int
) -> list[Part]:
    """Training, validation and test part, checked; see `Dataset.from_arrays`.

    Raises:
        InputError: arrays that cannot be learned, or that do not go together.
    """
    given = {"train": (x, y), "validation": validation, "test": test}
    parts = {name: _part(name, *pair) for name, pair in given.items() if pair is not None}
    first = parts["train"]
    for name, part in parts.items():
        _require_alike(name, part, first)
    if missing := [name for name in PARTS if name not in parts]:
        parts |= _split(first, missing, split, seed)
    return [parts[name] for name in PARTS]


def count_classes(parts: Sequence[Part]) -> int:
    """Number of classes of labels that run from 0.

    Raises:
        InputError: fewer than two classes, or numbers that are no classes.
    """
    remedy = "number the classes from 0 to C - 1, as np.unique(y, return_inverse=True)[1] does"
    there = np.unique(np.concatenate([np.unique(part.y) for part in parts]))
    if there[0] != 0:
        raise InputError(f"y: the smallest label is {there[0]}: must be 0: {remedy}")
    if len(there) < 2:
        raise InputError("y: all labels are 0: must be at least two classes: give samples of another")
    classes = int(there[-1]) + 1
    if classes > 2 * len(there):
        raise InputError(f"y: holds {len(there)} different labels, the largest {there[-1]}: too many lack: {remedy}")
    return classes


def checked_inputs(x: ArrayLike, what: str = "x", shape: tuple[int, ...] | None = None) -> NDArray[Any]:
    """Inputs of a type that every family takes, copied only where they must be converted.

    Args:
        x: shape (samples, ...), numbers of any real or integer type.
        what: they are, in the words of a refusal.
        shape: that a sample must have; any where it is left out.

    Raises:
        InputError: no numbers, no samples, numbers that are not finite or beyond float32, or another shape.
    """
    array = _finite(x, what)
    if array.ndim < 2:
        raise InputError(f"{what} has shape {array.shape}: must be (samples, features) or (samples, ...): reshape it")
    if 0 in array.shape:
        raise InputError(f"{what} has shape {array.shape}: must hold at least one number of one sample")
    if shape is not None and array.shape[1:] != shape:
        raise InputError(f"{what} has samples of shape {array.shape[1:]}: must be {shape}, as in training: reshape it")
    return array


def _part(name: str, x: ArrayLike, y: ArrayLike) -> Part:
    inputs = checked_inputs(x, f"x of {name}")
    answers = _answers(y, f"y of {name}")
    if len(inputs) != len(answers):
        raise InputError(f"{name}: x holds {len(inputs)} samples and y {len(answers)}: must be as many")
    return Part(inputs, answers)


def _answers(y: ArrayLike, what: str) -> NDArray[Any]:
    array = _finite(y, what)
    if array.dtype.kind == "f":
        if array.ndim not in (1, 2) or (array.ndim == 2 and array.shape[1] == 0):
            raise InputError(f"{what} has shape {array.shape}: targets must be (samples, outputs) or (samples,)")
        return np.ascontiguousarray(array.reshape(len(array), -1), np.float32)
    if array.ndim != 1:
        raise InputError(f"{what} has shape {array.shape}: labels must be (samples,); targets of regression are floats")
    if array.size and array.min() < 0:
        raise InputError(f"{what} holds {array.min()}: labels must be 0 or more; targets of regression are floats")
    return array.astype(np.int64)


def _finite(values: ArrayLike, what: str) -> NDArray[Any]:
    """An array of finite numbers in this machine's byte order; bool becomes uint8."""
    try:
        array = np.asarray(values)
    except Exception as error:  # ragged lists, and what other libraries raise when they are asked for an array
        raise InputError(f"{what}: is no array ({' '.join(str(error).split())}): give one of numbers") from error
    if array.dtype.kind not in "buif":
        raise InputError(f"{what} is of type {array.dtype}: must be real or whole numbers: convert it")
    if array.dtype.kind == "b":
        array = array.view(np.uint8)
    if array.dtype.itemsize > 8:
        array = array.astype(np.float64)
    if not array.dtype.isnative or min(array.strides, default=0) < 0:
        array = array.astype(array.dtype.newbyteorder("="), order="C")
    if array.dtype.kind == "f" and array.size:
        low, high = float(array.min()), float(array.max())
        if not (low >= -LARGEST and high <= LARGEST):
            found = "NaN or infinity" if not np.isfinite(array).all() else f"{max(-low, high):g}, beyond float32"
            raise InputError(f"{what} holds {found}: must be finite: mend the data")
    return array


def _require_alike(name: str, part: Part, first: Part) -> None:
    if part.x.shape[1:] != first.x.shape[1:]:
        found, needed = part.x.shape[1:], first.x.shape[1:]
        raise InputError(f"x of {name} has samples of shape {found}: must be {needed}, as x of train: reshape it")
    if part.y.dtype != first.y.dtype:
        kinds = [{"i": "labels", "f": "targets"}[one.y.dtype.kind] for one in (part, first)]
        raise InputError(f"y of {name} are {kinds[0]}, y of train {kinds[1]}: must be whole numbers, or floats, in all")
    if part.y.shape[1:] != first.y.shape[1:]:
        found, needed = part.y.shape[1], first.y.shape[1]
        raise InputError(f"y of {name} has {found} targets a sample: must be {needed}, as y of train")


def _split(whole: Part, missing: Sequence[str], split: Sequence[float], seed: int) -> dict[str, Part]:
    """The training part and the missing ones, of samples in an order that the seed decides."""
    shares = _shares(split)
    samples = len(whole.x)
    total = shares["train"] + sum(shares[name] for name in missing)
    counts = {name: max(1, round(samples * shares[name] / total)) for name in missing}
    left = samples - sum(counts.values())
    if left < 1:
        names = " and ".join(missing)
        raise InputError(f"x holds {samples} samples: none is left to train on without those of {names}: give more")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed = {seed!r}: must be a whole number, at least 0")
    order = np.random.default_rng(seed).permutation(samples)
    ends = np.cumsum([left, *counts.values()])
    rows = np.split(order, ends[:-1])
    return {name: Part(whole.x[of], whole.y[of]) for name, of in zip(("train", *missing), rows, strict=True)}


def _shares(split: Sequence[float]) -> dict[str, float]:
    try:
        shares = [float(share) for share in split]
    except (TypeError, ValueError):
        shares = []
    if len(shares) != len(PARTS) or not all(0 < share < LARGEST for share in shares):
        raise InputError(f"split = {split!r}: must be three shares greater than 0, such as (0.8, 0.1, 0.1)")
    return dict(zip(PARTS, shares, strict=True))
