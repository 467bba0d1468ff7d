"""Loading a dataset by its name: find its files, or download them, read them, split them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import numpy as np

from ctsigprop.data.catalog import entry_named
from ctsigprop.data.dataset import Dataset, Split
from ctsigprop.data.download import download as download_files
from ctsigprop.data.entry import DataFile, Entry
from ctsigprop.data.files import MalformedFile, path_of
from ctsigprop.data.locate import VARIABLE, Location, download_folder, locate, search_folders
from ctsigprop.data.named import DATASETS, NamedDataset
from ctsigprop.data.scaling import Scaling
from ctsigprop.errors import InputError
from ctsigprop.settings.data import DataSettings

REINSTALL = "install ctsigprop again"
NAMED = 4
"""Files of a folder that a refusal names."""


def load(name: str, *, limit: int | None = None, data_dir: str | Path | None = None, download: bool = True) -> Dataset:
    """Loads a dataset, downloading it first where it is nowhere on this machine.

    Args:
        name: One of digits, mnist, fashion-mnist, kmnist, cifar-10, cifar-100, svhn, or of one added to `DATASETS`.
        limit: Keep only the first so many training samples; validation and test stay whole.
        data_dir: The folder of datasets to look in first, in place of $CTSIGPROP_DATA.
        download: Whether a dataset that is not found may be downloaded.

    Raises:
        InputError: Unknown name, `limit` below 1, or a file that is missing or cannot be what its name says.
        RunFailure: The download failed.
    """
    if limit is not None and not _is_count(limit):
        allowed = "give 1 or more, as a whole number, or leave it out"
        raise InputError(f"limit: {limit!s:.60} is no number of training samples; {allowed}")
    limit = None if limit is None else int(limit)
    if isinstance(own := DATASETS.get(name), NamedDataset):
        return own.load(limit)
    entry = entry_named(name)
    location = locate(entry, data_dir)
    if location is None:
        if not download:
            raise InputError(_not_found(entry, data_dir))
        location = Location(download_folder(entry, data_dir), missing=())
        download_files(entry, location.folder)
    return read_folder(entry, location, limit)


def read_folder(entry: Entry, location: Location, limit: int | None = None) -> Dataset:
    """Reads and splits the files of one folder; the structure of every file is checked, its checksum is not.

    Raises:
        InputError: A file is missing or cannot be what its name says.
    """
    if location.missing:
        fetch = f"bring it, as `ctsigprop data fetch {entry.name}` does, or remove the folder"
        raise InputError(
            f"{location.folder}: expected the files of {entry.name}, found no {location.missing[0]} (or .gz) "
            f"there; {REINSTALL if entry.embedded else fetch}"
        )
    shape, classes, cut = entry.shape, entry.classes, entry.train
    try:
        images, labels = entry.read(_paths(location.folder, entry.train_files), cut + entry.validation, shape, classes)
        test = entry.read(_paths(location.folder, entry.test_files), entry.test, shape, classes)
    except MalformedFile as error:
        raise InputError(f"{error}; {remedy(entry)}") from error
    scaling = Scaling.dividing(entry.maximum)
    kept = cut if limit is None else min(limit, cut)
    return Dataset(
        name=entry.name,
        source=DataSettings(entry.name, limit),
        classes=classes,
        shape=shape,
        train=Split(images[:kept], labels[:kept], scaling),
        validation=Split(images[cut:], labels[cut:], scaling),
        test=Split(*test, scaling),
    )


def _is_count(value: object) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool) and int(value) >= 1


def remedy(entry: Entry) -> str:
    """What to do about a file of this dataset that cannot be used."""
    if entry.embedded:
        return REINSTALL
    return f"remove it and run `ctsigprop data fetch {entry.name}`"


def _paths(folder: Path, files: tuple[DataFile, ...]) -> list[Path]:
    return [path_of(folder, file.path) for file in files]


def _not_found(entry: Entry, data_dir: str | Path | None) -> str:
    folders = ", ".join(str(folder) for folder in search_folders(entry, data_dir))
    return (
        f"{entry.name}: expected {entry.files[0].path} and its like in one of {folders}, "
        f"found {_near(entry, data_dir) or 'none'}; "
        f"run `ctsigprop data fetch {entry.name}`, or set ${VARIABLE} to the folder that holds {entry.name}/"
    )


def _near(entry: Entry, data_dir: str | Path | None) -> str:
    """What lies in those folders in place of the files, by name; empty where there are no such folders."""
    held = []
    for folder in search_folders(entry, data_dir):
        with suppress(OSError):
            names = sorted(path.name for path in folder.iterdir() if path.name[0] != ".")
            more = " and others" if len(names) > NAMED else ""
            held.append(f"{', '.join(names[:NAMED]) or 'nothing'}{more} in {folder}")
    return f"only {'; '.join(held)}" if held else ""
