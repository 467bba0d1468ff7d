"""Recordings of an event camera that a network learns: a folder that holds train.npz and test.npz."""

from collections.abc import Mapping
from hashlib import file_digest
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctsigprop.core.files import open_regular
from ctsigprop.data import Dataset, Scaling, Split
from ctsigprop.errors import InputError
from ctsigprop.spiking.events.frames import FRAMES, LABELS, EventFrames, load_frames

FILES = ("train.npz", "test.npz")
VALIDATION = 6
"""One in so many of the training recordings is kept for validation, as of MNIST's images: those at the end."""
FEWEST = 3
"""Recordings that make a batch and one to validate it by."""

Arrays = Mapping[str, NDArray[Any]]

DIGESTS, SHAPE, CLASSES = "recordings.sha256", "recordings.shape", "recordings.classes"
KEPT: Arrays = {
    DIGESTS: np.zeros((len(FILES), 32), np.uint8),
    SHAPE: np.zeros(3, np.int64),
    CLASSES: np.zeros((), np.int64),
}
"""What the checkpoints of a run keep of its recordings: the SHA-256 of each file, the shape of a frame, the number of
classes. Here are the types alone."""


def load_recordings(folder: Path, steps: int, limit: int | None = None, kept: Arrays | None = None) -> Dataset:
    """Reads and splits the recordings of a folder.

    Args:
        folder: that holds train.npz and test.npz, each with `frames` and `labels` as `load_frames` takes them.
        steps: of time, those of every recording.
        limit: keep only the first so many training recordings; validation and test stay whole.
        kept: what a checkpoint has kept of them: other files are refused.

    Raises:
        InputError: a file is missing, is another than before, or holds what cannot be learned.
    """
    train, test = (folder / name for name in FILES)
    for path in (train, test):
        if not path.is_file():
            held = " and ".join(FILES)
            raise InputError(f"data.events = {folder}: there is no {path.name}: give a folder that holds {held}")
    digests = np.stack([_digest(train), _digest(test)])
    if kept is not None:
        _require_same(folder, digests, kept[DIGESTS])
    learned, labels = _labelled(train, steps)
    classes, cut = int(labels.max()) + 1, _cut(train, labels)
    shown, test_labels = _labelled(test, steps, learned.shape, classes)
    return Dataset(
        name=str(folder),
        classes=classes,
        shape=learned.shape,
        train=_split(learned, labels, slice(cut if limit is None else min(limit, cut))),
        validation=_split(learned, labels, slice(cut, None)),
        test=_split(shown, test_labels, slice(None)),
        kept={DIGESTS: digests, SHAPE: np.array(learned.shape), CLASSES: np.array(classes)},
    )


def _digest(path: Path) -> NDArray[np.uint8]:
    try:
        with open_regular(path) as file:
            return np.frombuffer(file_digest(file, "sha256").digest(), np.uint8)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): give an NPZ file of frames") from error


def _require_same(folder: Path, found: NDArray[np.uint8], before: NDArray[np.uint8]) -> None:
    for name, now, then in zip(FILES, found, before, strict=True):
        if (now != then).any():
            was = f"the run learned from one with SHA-256 {then.tobytes().hex()[:16]}..."
            raise InputError(
                f"{folder / name}: has SHA-256 {now.tobytes().hex()[:16]}..., and {was}: bring it back, or train anew"
            )


def _labelled(
    path: Path, steps: int, shape: tuple[int, ...] | None = None, classes: int | None = None
) -> tuple[EventFrames, NDArray[np.int64]]:
    recordings = load_frames(path, shape, classes)
    if recordings.labels is None:
        raise InputError(f"{path}: has no array {LABELS}: save it as np.savez(FILE, {FRAMES}=..., {LABELS}=...)")
    if recordings.steps != steps:
        found = f"the recordings of {path} have {recordings.steps}"
        raise InputError(f"network.steps = {steps}: {found}: set it to {recordings.steps}, or bin them into {steps}")
    return recordings, recordings.labels


def _cut(path: Path, labels: NDArray[np.int64]) -> int:
    """How many recordings there are before those for validation, which may not be of other classes."""
    if len(labels) < FEWEST:
        raise InputError(f"{path}: holds {len(labels)} recordings: must be at least {FEWEST}, one to validate by")
    cut = len(labels) - max(1, len(labels) // VALIDATION)
    last = f"the last {len(labels) - cut} are for validation"
    there = np.unique(labels[:cut])
    if len(there) == 1 and (labels == labels[0]).all():
        raise InputError(f"{path}: {LABELS} are all {labels[0]}: must be of two classes or more: add others")
    if len(there) <= labels.max():
        missing = next(number for number, label in enumerate([*there, None]) if number != label)
        remedy = "shuffle the recordings, and number their classes from 0 without gaps"
        raise InputError(f"{path}: {LABELS}: none of the first {cut} is class {missing}, and {last}: {remedy}")
    if labels[0] < labels[-1] and (np.diff(labels) >= 0).all():
        raise InputError(f"{path}: {LABELS} are in ascending order, and {last}: shuffle the recordings")
    return cut


def _split(recordings: EventFrames, labels: NDArray[np.int64], rows: slice) -> Split:
    return Split(recordings.frames[rows], labels[rows], Scaling())
