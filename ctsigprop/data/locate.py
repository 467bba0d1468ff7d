"""Where a dataset's files lie on this machine, and where a download puts them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ctsigprop.data.entry import Entry
from ctsigprop.data.files import is_there
from ctsigprop.errors import InputError

VARIABLE = "CTSIGPROP_DATA"
PACKAGE_ROOT = Path(__file__).parent
SYSTEM_ROOTS = (Path("/usr/share/datasets"), Path("/usr/local/share/datasets"))


@dataclass(frozen=True)
class Location:
    """A folder that holds files of a dataset, and the paths of those that it lacks."""

    folder: Path
    missing: tuple[str, ...]


def own_root(data_dir: str | Path | None = None) -> Path | None:
    """The user's folder of datasets: `data_dir`, else $CTSIGPROP_DATA, else none.

    Raises:
        InputError: it begins with the home folder of nobody.
    """
    chosen = data_dir or os.environ.get(VARIABLE)
    try:
        return Path(chosen).expanduser() if chosen else None
    except RuntimeError as error:
        name = "data_dir" if data_dir else f"${VARIABLE}"
        raise InputError(f"{name} = {chosen}: there is no such home folder: give the whole path") from error


def cache_root() -> Path:
    """This user's cache of downloaded datasets."""
    from platformdirs import user_cache_path

    return user_cache_path("ctsigprop", appauthor=False) / "datasets"


def search_folders(entry: Entry, data_dir: str | Path | None = None) -> list[Path]:
    """Folders in which the dataset is looked for, the first before the others."""
    if entry.embedded:
        return [PACKAGE_ROOT / entry.name]
    own = own_root(data_dir)
    roots = [*([own] if own else []), cache_root(), *SYSTEM_ROOTS]
    names = [entry.name, *([entry.elsewhere] if entry.elsewhere else [])]
    return [root / name for root in roots for name in names]


def locate(entry: Entry, data_dir: str | Path | None = None) -> Location | None:
    """The first folder that holds files of the dataset, whole or not; None where no folder does.

    A cache that lacks files is passed over: a download completes it. The package's folder never is.
    """
    cache = cache_root() / entry.name
    for folder in search_folders(entry, data_dir):
        missing = tuple(file.path for file in entry.files if not is_there(folder, file.path))
        unfinished = len(missing) < len(entry.files) and folder != cache
        if not missing or unfinished or entry.embedded:
            return Location(folder, missing)
    return None


def download_folder(entry: Entry, data_dir: str | Path | None = None) -> Path:
    """Where a download goes: the user's own folder of datasets where it can be written, else the cache."""
    own = own_root(data_dir)
    root = own if own and _can_be_written(own / entry.name) else cache_root()
    return root / entry.name


def _can_be_written(folder: Path) -> bool:
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return existing.is_dir() and os.access(existing, os.W_OK)
