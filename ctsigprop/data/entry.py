"""What a catalog says of a dataset: sizes, files, checksums, mirrors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


class Reader(Protocol):
    """Reads the files of one split into images (samples, *shape) and labels (samples,)."""

    def __call__(
        self, paths: Sequence[Path], samples: int, shape: tuple[int, ...], classes: int
    ) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
        """Raises MalformedFile where a file cannot hold that many images of that shape, or those classes."""
        ...


@dataclass(frozen=True)
class DataFile:
    """One file of a dataset.

    Attributes:
        path: Where it lies in the dataset's folder; there a .gz may follow.
        sha256: Its published checksum.
        sha256_of: Whether that is the checksum of the decompressed content or of the gzip file.
    """

    path: str
    sha256: str
    sha256_of: Literal["content", "gzip"] = "content"


@dataclass(frozen=True)
class Archive:
    """A tar archive in which mirrors serve all files of a dataset; `sha256` is the archive's own."""

    name: str
    sha256: str


@dataclass(frozen=True)
class Entry:
    """What is known of a dataset before its files are opened.

    Attributes:
        shape: Shape of one image: (height, width) or (channels, height, width).
        train, validation, test: Samples of each split; those for validation end the training files.
        maximum: The pixel value of full brightness.
        suffix: What follows a file's path on the mirrors.
        mirrors: Folders on the web, tried in turn; none for a dataset that ships with the package.
        elsewhere: The folder under which torchvision keeps the same files in a folder of datasets.
    """

    name: str
    classes: int
    shape: tuple[int, ...]
    train: int
    validation: int
    test: int
    read: Reader
    train_files: tuple[DataFile, ...]
    test_files: tuple[DataFile, ...]
    maximum: int = 255
    archive: Archive | None = None
    suffix: str = ""
    mirrors: tuple[str, ...] = ()
    elsewhere: str = ""

    def __repr__(self) -> str:
        return f"Entry({self.name!r}, {self.classes} classes, shape={self.shape})"

    @property
    def files(self) -> tuple[DataFile, ...]:
        """All files, those of the training part first."""
        return self.train_files + self.test_files

    @property
    def embedded(self) -> bool:
        """Whether the files ship with the package."""
        return not self.mirrors
