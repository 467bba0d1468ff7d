"""Single events, (t, x, y, p), as frames: counted in each place over each step."""

from collections.abc import Sequence
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.core.files import atomic, open_regular, write_failures
from ctsigprop.errors import InputError
from ctsigprop.settings.checks import require, require_number, require_whole
from ctsigprop.spiking.events.frames import MOST_COUNTED

Events = NDArray[Any]
"""A structured array of one recording: t, x and, where there are, y and p (whole numbers from 0), as tonic has them."""

Counts = NDArray[np.int32]

MOST_PLACES = 2**28
"""Of one recording, all steps together: a gigabyte."""


def frames_of(
    events: Events,
    sensor: tuple[int, int, int],
    *,
    steps: int | None = None,
    window: float | None = None,
    factor: int = 1,
) -> Counts:
    """Events of a recording, counted: shape (steps, channels, height, width).

    Args:
        events: with fields t, x, y, p; an array without y or p has 0 there. Their order does not matter.
        sensor: channels (polarities), height and width: of SHD (1, 1, 700).
        steps: of equal length from the first event to the last; or
        window: the length of a step, in the unit of t: recordings then have as many as they are long.
        factor: so many pixels in both directions become one, whose counts are added.

    Raises:
        InputError: both or none of steps and window; events that are not of such a sensor.
    """
    require((steps is None) != (window is None), "steps, window", (steps, window), "one of the two")
    require_whole("factor", factor, 1)
    sizes = (
        isinstance(sensor, Sequence) and len(sensor) == 3 and all(isinstance(size, int | np.integer) for size in sensor)
    )
    require(sizes and min(sensor) > 0, "sensor", sensor, "channels, height and width, whole numbers from 1")
    one = isinstance(events, np.ndarray) and events.ndim == 1
    require(one, "events", f"of shape {np.shape(events)}", "a structured array of one dimension, one recording")
    places = [_field(events, name, most) for name, most in zip("pyx", sensor, strict=True)]
    since = _times(events)
    if window is None:
        assert steps is not None
        require_whole("steps", steps, 1)
        last = since.max(initial=0.0)
        bins = np.minimum((since * (steps / last)).astype(np.int64) if last > 0 else np.int64(0), steps - 1)
        bins = np.broadcast_to(bins, since.shape)
    else:
        require_number("window", window, 0.0, open_low=True)
        if since.max(initial=0.0) >= MOST_PLACES * window:
            raise InputError(f"window = {window:g}: must make at most {MOST_PLACES} steps: take a longer window")
        bins = np.floor(since / window).astype(np.int64)
        steps = int(bins.max(initial=0)) + 1
    channels, *sides = sensor
    height, width = (-(-side // factor) for side in sides)
    shape = (steps, channels, height, width)
    if prod(shape) > MOST_PLACES:
        raise InputError(f"frames: would have {steps} steps: take a longer window, or a factor that merges pixels")
    channel, row, column = places[0], places[1] // factor, places[2] // factor
    flat = np.ravel_multi_index((bins, channel, row, column), shape)
    return np.bincount(flat, minlength=prod(shape)).reshape(shape).astype(np.int32)


def padded(recordings: Sequence[Counts]) -> tuple[Counts, NDArray[np.int64]]:
    """Recordings of unlike length as one array, zeros behind the shorter ones, and the steps that each has.

    Args:
        recordings: of shape (steps, channels, height, width), alike but for the steps.

    Returns:
        Frames, shape (samples, most steps, channels, height, width), and lengths, shape (samples,).

    Raises:
        InputError: there are none, or frames of unlike shape.
    """
    shapes = {one.shape[1:] for one in recordings}
    require(len(shapes) == 1, "recordings", sorted(shapes), "at least one, with frames of one shape")
    lengths = np.array([len(one) for one in recordings])
    frames = np.zeros((len(recordings), lengths.max(), *shapes.pop()), np.int32)
    for place, one in enumerate(recordings):
        frames[place, : len(one)] = one
    return frames, lengths


def save_frames(path: Path, recordings: Sequence[Counts], labels: Sequence[int]) -> None:
    """Writes recordings, padded, as a file that `load_frames`, `--data.events` and `--events` take.

    Raises:
        InputError: recordings that do not go together, or not as many labels.
        RunFailure: the folder cannot be written.
    """
    frames, lengths = padded(recordings)
    require(len(labels) == len(frames), "labels", len(labels), f"{len(frames)}, one a recording")
    least, most = int(frames.min(initial=0)), int(frames.max(initial=0))
    require(least >= 0, "recordings", least, "counts, at least 0 in a place")
    require(most <= MOST_COUNTED, "recordings", most, f"at most {MOST_COUNTED} in a place")
    if most <= np.iinfo(np.uint8).max:
        frames = frames.astype(np.uint8)
    with write_failures(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
    with atomic(path) as file:
        np.savez_compressed(file, frames=frames, labels=np.asarray(labels), lengths=lengths)


def read_events(path: Path) -> Events:
    """One recording from an NPY file of a structured array.

    Raises:
        InputError: the file cannot be read, or holds something else.
    """
    try:
        with open_regular(path) as file:
            events = np.load(file, allow_pickle=False)
    except Exception as error:  # NumPy's parser of a damaged header raises whatever Python's does
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: cannot be read as NPY ({reason}): save it with np.save(FILE, events)") from error
    if not isinstance(events, np.ndarray) or events.dtype.names is None:
        raise InputError(f"{path}: is no structured array: must have fields t, x, y, p: save it with np.save")
    return events


def read_shd(path: Path) -> tuple[list[Events], NDArray[np.int64]]:
    """Recordings and labels from an HDF5 file of the Spiking Heidelberg Digits' form (Cramer et al. 2020).

    The file has `spikes/times`, seconds, and `spikes/units`, one array a recording, and `labels`.

    Raises:
        InputError: h5py is not installed, the file cannot be read or is of another form.
    """
    try:
        import h5py
    except ImportError:
        raise InputError("h5py: is not installed: pip install 'ctsigprop[events]'") from None
    try:
        with h5py.File(path, "r") as file:
            times, units = file["spikes"]["times"][()], file["spikes"]["units"][()]
            labels = np.asarray(file["labels"][()])
            counts = len(times), len(units), len(labels)
    except (OSError, KeyError, AttributeError, TypeError, ValueError, RuntimeError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{path}: is no HDF5 file with spikes/times, spikes/units and labels ({reason})") from error
    if len(set(counts)) > 1:
        found = "{} recordings of times, {} of units and {} labels".format(*counts)
        raise InputError(f"{path}: has {found}: must have as many of each")
    if labels.ndim != 1 or labels.dtype.kind not in "ui":
        raise InputError(f"{path}: labels are {labels.dtype} of shape {labels.shape}: must be whole numbers in a row")
    recordings = []
    for number, (t, x) in enumerate(zip(times, units, strict=True)):
        t, x = np.asarray(t), np.asarray(x)
        if t.ndim != 1 or t.shape != x.shape:
            raise InputError(
                f"{path}: recording {number} has times of shape {t.shape} and units of shape {x.shape}: must be arrays "
                "of one length"
            )
        if t.dtype.kind not in "uif" or x.dtype.kind not in "ui":
            raise InputError(
                f"{path}: recording {number} has times of {t.dtype} and units of {x.dtype}: must be numbers, and whole "
                "numbers"
            )
        events = np.zeros(len(t), [("t", np.float64), ("x", np.int64)])
        events["t"], events["x"] = t, x
        recordings.append(events)
    return recordings, labels.astype(np.int64)


def _times(events: Events) -> NDArray[np.float64]:
    """Since the first event; whole numbers are subtracted before they become floats."""
    t = _named(events, "t")
    require(bool(np.isfinite(t.astype(np.float64)).all()), "events.t", "NaN or infinity", "finite")
    return (t - t.min()).astype(np.float64) if len(t) else np.zeros(0)


def _field(events: Events, name: str, most: int) -> NDArray[np.int64]:
    names = events.dtype.names or ()
    if name in "py" and name not in names:
        return np.zeros(len(events), np.int64)
    values = _named(events, name)
    require(values.dtype.kind in "bui", f"events.{name}", values.dtype.name, "whole numbers: convert them")
    for wrong in values[(values < 0) | (values >= most)][:1].tolist():
        raise InputError(f"events.{name} = {wrong}: must be from 0 to {most - 1}, as the sensor's: give its size")
    return values.astype(np.int64)


def _named(events: Events, name: str) -> NDArray[Any]:
    names = events.dtype.names
    if names is None or name not in names:
        found = "no structured array" if names is None else ", ".join(names)
        raise InputError(f"events: have {found}: must have a field {name}: rename it")
    return events[name]
