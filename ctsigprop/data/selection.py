"""The dataset that settings name: one of the catalog, or a file of one's own."""

from __future__ import annotations

from ctsigprop.data.dataset import Dataset
from ctsigprop.data.loading import load
from ctsigprop.errors import InputError
from ctsigprop.settings import DataSettings
from ctsigprop.settings.data import ARRAYS


def dataset_of(settings: DataSettings) -> Dataset:
    """Load what a run learns.

    Raises:
        InputError: a file that cannot be used.
        RunFailure: a dataset is not here, and its download failed.
    """
    if settings.name == ARRAYS and settings.file is None:
        raise InputError(
            "data.name = arrays: the data of this run were given from Python, and are not kept: give them to "
            "ctsigprop.fit, or put them in a file for data.file"
        )
    if settings.file is None:
        return load(settings.name, limit=settings.limit)
    return Dataset.from_file(settings.file, scaling=settings.scaling, seed=settings.seed, limit=settings.limit)
