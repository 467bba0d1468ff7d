"""A run that a figure or table of the paper takes."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from ctsigprop.settings import AnySettings

S_co = TypeVar("S_co", bound=AnySettings, covariant=True)


@dataclass(frozen=True)
class Planned(Generic[S_co]):
    """A run that a figure or table takes.

    Attributes:
        label: its name in the figure, and its folder's.
        settings: with which it is trained.
        row: of a table, key of the run's row.
        column: of a table, key of the run's column.
    """

    label: str
    settings: S_co
    row: str = ""
    column: str = ""
