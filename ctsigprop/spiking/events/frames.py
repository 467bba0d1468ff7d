"""Frames of an event camera from an NPZ file, as inputs of a spiking network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ctsigprop.core.npz import NO_NPZ, Unusable, names_in, read_npz
from ctsigprop.errors import InputError

FRAMES, LABELS, LENGTHS = "frames", "labels", "lengths"
MOST_COUNTED = 2**24
"""Largest number of events in one place that float32 still counts one by one."""


@dataclass(frozen=True, eq=False)
class EventFrames:
    """Recordings of an event camera, their events counted in each place over each step.

    Attributes:
        frames: shape (samples, time, channel, height, width); the channels are the polarities. uint8 where the file
            has whole numbers by their type, up to 255, else float32.
        labels: classes, int64, shape (samples,); None where the file has none.
        lengths: steps that each recording has, those after which are padding, int64, shape (samples,); None where all
            have all.
    """

    frames: NDArray[Any]
    labels: NDArray[np.int64] | None
    lengths: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        """Recordings."""
        return len(self.frames)

    @property
    def steps(self) -> int:
        """Steps of every recording."""
        return int(self.frames.shape[1])

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample in one step: (channels, height, width)."""
        return self.frames.shape[2:]

    def inputs(self, rows: slice = slice(None)) -> Tensor:
        """Recordings as a network takes them: float32, shape (time, samples, channel, height, width)."""
        return torch.from_numpy(self.frames[rows]).float().transpose(0, 1)


def load_frames(path: Path, shape: tuple[int, ...] | None = None, classes: int | None = None) -> EventFrames:
    """Reads recordings from an NPZ file.

    The file holds `frames`, numbers of events, shape (time, channel, height, width) of one recording or
    (samples, time, channel, height, width) of several; and, if it likes, `labels` and `lengths`, shape (samples,).

    Args:
        path: of the file.
        shape: that the network takes: (channels, height, width); any where it is left out.
        classes: how many there are; labels may be any whole numbers from 0 where it is left out.

    Raises:
        InputError: the file cannot be read, lacks the frames, or holds what no such recording can be.
    """
    arrays = _arrays(path)
    if FRAMES not in arrays:
        there = ", ".join(sorted(names_in(path))) or "nothing"
        raise InputError(f"{path}: has no array {FRAMES}, only {there}: save it as np.savez(FILE, {FRAMES}=...)")
    frames = _counts(path, arrays[FRAMES])
    if shape is not None and frames.shape[2:] != shape:
        found, needed = (" x ".join(map(str, one)) for one in (frames.shape[2:], shape))
        raise InputError(f"{path}: {FRAMES} are {found}: must be {needed} (channel, height, width), as the network's")
    labels = _classes(path, arrays[LABELS], len(frames), classes) if LABELS in arrays else None
    lengths = arrays.get(LENGTHS)
    if lengths is not None:
        whole = lengths.dtype.kind in "ui" and lengths.shape == (len(frames),)
        if not whole or lengths.min() < 1 or lengths.max() > frames.shape[1]:
            allowed = f"whole numbers from 1 to {frames.shape[1]}, one a sample of {FRAMES}"
            raise InputError(f"{path}: {LENGTHS} have shape {lengths.shape}, {lengths.dtype}: must be {allowed}")
        lengths = lengths.astype(np.int64)
    return EventFrames(frames, labels, lengths)


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Those arrays of the file that this reader looks at."""
    try:
        return read_npz(path, (FRAMES, LABELS, LENGTHS), packed=True)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error}): give an NPZ file of frames") from error
    except Unusable as error:
        verb = "write it" if str(error) == NO_NPZ else "save plain arrays"
        raise InputError(f"{path}: {error}: {verb} with np.savez(FILE, {FRAMES}=...)") from error


def _counts(path: Path, frames: NDArray[Any]) -> NDArray[Any]:
    """Numbers of events with five dimensions, in as few bytes as hold them, or a refusal."""
    what = f"{path}: {FRAMES}"
    if frames.ndim not in (4, 5):
        allowed = "(time, channel, height, width), or (samples, time, channel, height, width)"
        raise InputError(f"{what} have shape {frames.shape}: must be {allowed}: reshape them")
    if frames.dtype.kind not in "buif":
        raise InputError(f"{what} are {frames.dtype}: must be numbers of events: convert them")
    if 0 in frames.shape:
        raise InputError(f"{what} have shape {frames.shape}: must not be empty: give at least one step of one sample")
    if frames.dtype.kind == "f" and not np.isfinite(frames).all():
        raise InputError(f"{what} hold NaN or infinity: must be finite: mend the recording")
    if frames.min() < 0:
        raise InputError(f"{what} hold {frames.min()}: must be 0 or more, polarities as channels: split the signs")
    most = frames.max().item()
    if most > MOST_COUNTED:
        raise InputError(f"{what} hold {most}: must be at most {MOST_COUNTED} events in a place: scale them")
    dtype = np.uint8 if frames.dtype.kind in "bui" and most <= np.iinfo(np.uint8).max else np.float32
    return np.ascontiguousarray(frames if frames.ndim == 5 else frames[np.newaxis], dtype=dtype)


def _classes(path: Path, labels: NDArray[Any], samples: int, classes: int | None) -> NDArray[np.int64]:
    what = f"{path}: {LABELS}"
    if labels.dtype.kind not in "ui":
        raise InputError(f"{what} are {labels.dtype}: must be whole numbers: convert them")
    if labels.ndim == 0:
        labels = labels[np.newaxis]
    if labels.shape != (samples,):
        raise InputError(f"{what} have shape {labels.shape}: must be ({samples},), one a sample of {FRAMES}")
    highest = np.iinfo(np.int64).max if classes is None else classes - 1
    for wrong in labels[(labels < 0) | (labels > highest)][:1]:
        raise InputError(f"{what}: {wrong} is no class: must be from 0 to {highest}: mend them")
    return labels.astype(np.int64)
