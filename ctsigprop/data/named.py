"""Datasets of one's own by name: settings choose them as they choose the published ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ctsigprop.data.entry import Entry
from ctsigprop.errors import InputError
from ctsigprop.settings import choices
from ctsigprop.settings.data import DataSettings

if TYPE_CHECKING:
    from ctsigprop.core.registry import Registry
    from ctsigprop.data.dataset import Dataset


@dataclass(frozen=True, eq=False)
class NamedDataset:
    """A dataset of one's own that has a name.

    Attributes:
        name: By which `load_dataset` and `data.name` choose it once it is added to `DATASETS`.
        read: Brings the dataset; called for each run anew. It must return the same samples each time.
    """

    name: str
    read: Callable[[], Dataset]

    def load(self, limit: int | None = None) -> Dataset:
        """The dataset under its name, of whose training part the first `limit` samples are kept.

        Raises:
            InputError: `read` returns something else than a Dataset.
        """
        from ctsigprop.data.dataset import Dataset

        data = self.read()
        if not isinstance(data, Dataset):
            raise InputError(f"data.name = {self.name!r}: its reader returned {type(data).__name__}: return a Dataset")
        kept = data.train.rows(slice(limit))
        return replace(data, name=self.name, source=DataSettings(self.name, limit), train=kept)

    def __repr__(self) -> str:
        return f"NamedDataset({self.name!r})"


DATASETS: Registry[Entry | NamedDataset] = choices.DATASETS
