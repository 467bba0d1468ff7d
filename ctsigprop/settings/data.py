"""What a run learns: the settings of data that all families share."""

import os
from dataclasses import dataclass
from typing import Literal

from ctsigprop.settings.checks import require, require_one_of, require_whole
from ctsigprop.settings.choices import DATASETS
from ctsigprop.settings.printing import changed

ScalingName = Literal["auto", "none", "standard"]

OF_A_FILE = ("file", "scaling", "seed")
"""Settings that count where data of one's own are learned alone."""


ARRAYS = "arrays"
"""The name of data that were given from Python, and that no settings can bring back."""


@dataclass(frozen=True)
class DataSettings:
    """What is learned.

    Attributes:
        name: dataset; `ctsigprop data list` shows them. From Python also one's own.
        limit: use only the first so many training samples (all where it is left out).
        file: NPZ file of data of one's own, in place of a dataset: x_train, y_train and, where there are any,
            x_validation, y_validation, x_test, y_test; or x and y; kept as an absolute path.
        scaling: of the inputs of a file: auto (to 0..1 by the training part's extremes), none, or standard (each
            feature less its mean over its standard deviation).
        seed: of the order in which the parts that a file lacks are split off.
    """

    name: str = "digits"
    limit: int | None = None
    file: str | None = None
    scaling: ScalingName = "auto"
    seed: int = 0

    __repr__ = changed

    def __post_init__(self) -> None:
        if self.name != ARRAYS:
            DATASETS.check(self.name)
        if self.limit is not None:
            require_whole("data.limit", self.limit, 1)
        require_one_of("data.scaling", self.scaling, ScalingName)
        require_whole("data.seed", self.seed, 0)
        if self.file is not None:
            require(isinstance(self.file, str) and self.file != "", "data.file", self.file, "the path of an NPZ file")
            object.__setattr__(self, "file", absolute(self.file))

    @property
    def title(self) -> str:
        """What the data are called: of a file, its name without the ending."""
        return self.name if self.file is None else os.path.splitext(os.path.basename(self.file))[0]

    @property
    def inactive(self) -> dict[tuple[str, str], str]:
        """Group and name of the settings of data that do not count, and why."""
        if self.file is not None:
            return {("data", "name"): f"data.file = {self.file}"}
        return {("data", name): "data.file is left out" for name in OF_A_FILE[1:]}


def absolute(path: str | os.PathLike[str]) -> str:
    """An absolute path; ~ is the home folder."""
    return os.path.abspath(os.path.expanduser(path))
