"""What a loaded dataset is: images, recordings or arrays of one's own, with labels or targets, in three splits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import prod
from os import PathLike
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from ctsigprop.data.fingerprint import fingerprint
from ctsigprop.data.npz import read_npz
from ctsigprop.data.own import PARTS, Pair, Part, Task, count_classes, parts_of
from ctsigprop.data.scaling import Scaling
from ctsigprop.errors import InputError
from ctsigprop.settings.checks import require_one_of
from ctsigprop.settings.data import ARRAYS, DataSettings, ScalingName, absolute

PIXELS = Scaling.dividing(255)
SPLIT = (0.8, 0.1, 0.1)
"""Shares of training, validation and test part of what is split off by chance."""


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs, images or any others, or recordings of an event camera, with their labels or targets.

    Attributes:
        images: Inputs as they are stored, of any real or integer type, shape (samples, ...): pixels are uint8, shape
            (samples, height, width) or (samples, channels, height, width). Of recordings the events in each place
            over each step, uint8 or float32, shape (samples, time, channels, height, width).
        labels: Classes from 0, int64, shape (samples,); of regression the targets, float32, shape (samples, outputs).
        scaling: What makes inputs of a network of them.
    """

    images: NDArray[Any]
    labels: NDArray[Any]
    scaling: Scaling = PIXELS

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        return f"Split({len(self)} samples, shape={self.images.shape[1:]}, {self.images.dtype})"

    @property
    def targets(self) -> NDArray[np.float32]:
        """What the outputs are to be in regression, as the user gave it, shape (samples, outputs): `labels`."""
        return self.labels

    @property
    def maximum(self) -> float:
        """The value in `channels_first` that stands for an input of 1: of pixels, full brightness."""
        return self.scaling.scale[0] if self.scaling.plain else 1.0

    def rows(self, chosen: slice) -> Split:
        """Some of the samples."""
        return Split(self.images[chosen], self.labels[chosen], self.scaling)

    def inputs(self, dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """Inputs of a network, pixels from 0 to 1, one contiguous row a sample: shape (samples, features).

        Raises:
            InputError: `dtype` is neither float32 nor float64.
        """
        return self.scaling.apply(self.images, dtype)

    def channels_first(self) -> NDArray[Any]:
        """Inputs as images, shape (samples, channels, height, width); recordings as they are.

        A grey image has one channel; of (samples, features) each feature is a channel of one pixel. What is divided
        by one number to scale it is as it is stored, `maximum` being that number; all else is scaled.
        """
        planes = self.images if self.scaling.plain else self.inputs().reshape(self.images.shape)
        if planes.ndim == 2:
            return planes[:, :, np.newaxis, np.newaxis]
        return planes[:, np.newaxis] if planes.ndim == 3 else planes

    def picture(self, sample: int) -> NDArray[np.float64]:
        """A sample to look at: values from 0 to 1, shape (height, width, channels), 3 channels or 1.

        What is no image is a strip of one row. Scaled inputs beyond 0 and 1 are mapped to it by their extremes.
        """
        scaled = self.scaling.apply(self.images[sample : sample + 1], np.float64)
        low, high = min(scaled.min(), 0.0), max(scaled.max(), 1.0)
        planes = ((scaled - low) / (high - low)).reshape(-1, *picture_shape(self.images.shape[1:]))
        return np.moveaxis(planes if len(planes) == 3 else planes.mean(axis=0, keepdims=True), 0, -1)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Samples with labels or targets, split for training, for choosing a model and for judging it.

    Attributes:
        name: The name it was loaded by, or what its arrays are called.
        classes: Number of classes; labels run from 0 to `classes - 1`. 0 in regression.
        shape: Shape of one sample, or of one step of a recording: (height, width), (channels, height, width) or, of
            arrays of one's own, any other.
        train: The split to learn from.
        validation: That to choose a model by.
        test: That to judge it by.
        kept: What the checkpoints of a run keep of the files that it learns from, arrays by name. Nothing of those
            whose checksums are published.
        file: Absolute path of the file of one's own that it was read from.
        source: Settings that bring it back; of arrays, that they came from Python.
    """

    name: str
    classes: int
    shape: tuple[int, ...]
    train: Split
    validation: Split
    test: Split
    kept: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    file: str | None = None
    source: DataSettings = field(default_factory=lambda: DataSettings(name=ARRAYS))

    def __repr__(self) -> str:
        learned = f"{self.classes} classes" if self.classes else f"{self.outputs} outputs"
        samples = " + ".join(str(len(part)) for part in self.parts.values())
        return f"Dataset({self.name!r}, shape={self.shape}, {learned}, {samples} samples)"

    @classmethod
    def from_arrays(
        cls,
        x: ArrayLike,
        y: ArrayLike,
        *,
        validation: Pair | None = None,
        test: Pair | None = None,
        scaling: ScalingName | Scaling = "auto",
        split: Sequence[float] = SPLIT,
        seed: int = 0,
        limit: int | None = None,
        name: str = "arrays",
    ) -> Self:
        """A dataset of arrays of one's own. They are not copied but where they must be: leave them as they are.

        A part that is not given is split off from `x` and `y`, whose samples are first put in the order of
        `numpy.random.default_rng(seed).permutation(samples)`: those to train on come first, then those for
        validation, then those for testing, as many as `split` says of the parts that are not given and the training
        part. Classes are not balanced. Where both parts are given, `x` and `y` keep their order.

        Args:
            x: Inputs, shape (samples, ...), numbers of any real or integer type.
            y: Labels of any integer type, shape (samples,): classes from 0, at least two, of which at most half may
                occur in no part. Or floats, shape (samples, outputs) or (samples,): targets of regression, which
                are not scaled.
            validation: Inputs and labels, or targets, to choose a model by.
            test: The same, to judge it by.
            scaling: `auto`, `none` or `standard`, as `Scaling.of` says, computed from the training part; or a scaling
                that is known. All parts are scaled alike.
            split: Shares of training, validation and test part.
            seed: Of the order in which samples are split.
            limit: Keep only the first so many training samples.
            name: What the data are called.

        Raises:
            InputError: Arrays that cannot be learned or do not go together, or too few samples for a part.
        """
        if limit is not None and limit < 1:
            raise InputError(f"limit: {limit} is no number of training samples; give 1 or more, or leave it out")
        whole, *others = parts_of(x, y, validation, test, split, seed)
        train = Part(whole.x[:limit], whole.y[:limit])
        classes = count_classes([whole, *others]) if whole.y.dtype.kind == "i" else 0
        if not isinstance(scaling, Scaling):
            require_one_of("scaling", scaling, ScalingName)
            scaling = Scaling.of(train.x, scaling)
        scaling.apply(train.x[:1])  # refuses one of another number of features
        learned, chosen_by, judged_by = (Split(part.x, part.y, scaling) for part in (train, *others))
        return cls(name, classes, train.x.shape[1:], learned, chosen_by, judged_by)

    @classmethod
    def from_file(
        cls,
        path: str | PathLike[str],
        *,
        scaling: ScalingName | Scaling = "auto",
        split: Sequence[float] = SPLIT,
        seed: int = 0,
        limit: int | None = None,
    ) -> Self:
        """A dataset of an NPZ file of one's own, called as the file is.

        The file holds `x_train` and `y_train` and, if it likes, `x_validation` and `y_validation`, `x_test` and
        `y_test`; or `x` and `y` in place of the first two. What is missing is split off.

        Args:
            path: Of the file; nothing in it is unpickled.
            scaling: As `from_arrays` takes it, like all that follows.
            split: Shares of training, validation and test part.
            seed: Of the order in which samples are split.
            limit: Keep only the first so many training samples.

        Raises:
            InputError: A file that cannot be read, an array that is missing or unknown, or what `from_arrays` refuses.
        """
        file = Path(absolute(path))
        content = read_npz(file)
        try:
            data = cls.from_arrays(
                *content.whole,
                validation=content.validation,
                test=content.test,
                scaling=scaling,
                split=split,
                seed=seed,
                limit=limit,
                name=file.stem,
            )
        except InputError as error:
            raise InputError(f"{file}: {error}") from error
        named = scaling if isinstance(scaling, str) else "auto"
        source = DataSettings(limit=limit, file=str(file), scaling=named, seed=seed)
        return replace(data, file=str(file), source=source)

    @property
    def task(self) -> Task:
        """What is learned: classes, or targets that are numbers."""
        return "classification" if self.classes else "regression"

    @property
    def outputs(self) -> int:
        """Units of an output layer: one a class, or one a column of the targets."""
        return self.classes or self.train.labels.shape[1]

    @property
    def features(self) -> int:
        """Number of values in one sample: the columns of `Split.inputs`."""
        return prod(self.shape)

    @property
    def scaling(self) -> Scaling:
        """What makes inputs of a network of them, the same in all parts."""
        return self.train.scaling

    @property
    def parts(self) -> dict[str, Split]:
        """The splits by name."""
        return {name: getattr(self, name) for name in PARTS}

    @property
    def planes(self) -> tuple[int, int, int]:
        """Shape of a sample as `Split.channels_first` gives it: (channels, height, width).

        Raises:
            InputError: A sample has more dimensions than an image.
        """
        return planes_of(self.shape)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of the stored inputs and labels of all parts: of their types, shapes and bytes."""
        return fingerprint(array for part in self.parts.values() for array in (part.images, part.labels))

    def require_classes(self, family: str) -> None:
        """Refuses regression on behalf of a model family that learns classes alone.

        Raises:
            InputError: The targets are numbers.
        """
        if self.task == "regression":
            raise InputError(
                f"data: the targets of {self.name} are floats, and the {family} family learns classes alone: "
                "give whole numbers from 0 as labels"
            )


def planes_of(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Shape of a sample as an image, (channels, height, width): features are channels of one pixel.

    Raises:
        InputError: It has more dimensions than an image.
    """
    if len(shape) > 3:
        allowed = "(features,), (height, width) or (channels, height, width)"
        raise InputError(f"data: a sample is {' x '.join(map(str, shape))}: must be {allowed} here: reshape the inputs")
    channels, height, width = {1: (*shape, 1, 1), 2: (1, *shape), 3: shape}[len(shape)]
    return channels, height, width


def picture_shape(shape: tuple[int, ...]) -> tuple[int, int]:
    """Height and width in which a sample is drawn, the channels apart; of features alone, a strip of one row."""
    height, width = (1, *shape)[-2:]
    return height, width
