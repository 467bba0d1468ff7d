"""Datasets on this machine: what `ctsigprop data list`, `fetch` and `verify` do."""

from __future__ import annotations

from pathlib import Path

from ctsigprop.data.catalog import CATALOG, entry_named
from ctsigprop.data.download import download
from ctsigprop.data.entry import DataFile, Entry
from ctsigprop.data.files import MalformedFile, path_of
from ctsigprop.data.integrity import check_published, has_published_sha256
from ctsigprop.data.loading import read_folder, remedy
from ctsigprop.data.locate import VARIABLE, download_folder, locate, search_folders
from ctsigprop.errors import InputError

HEADINGS = ("name", "shape", "classes", "train", "validation", "test", "size", "where")


def list_datasets() -> None:
    """Prints a table of all datasets: sizes, and where each one lies or how to get it."""
    table = [HEADINGS, *(_row(entry) for entry in CATALOG.values())]
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    for row in table:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def fetch(name: str) -> None:
    """Downloads the files of a dataset that are not on this machine, and prints where they are.

    Raises:
        InputError: Unknown name, or a file that was there already cannot be what its name says.
        RunFailure: The download failed.
    """
    entry = entry_named(name)
    location = locate(entry)
    if location is None or (location.missing and not entry.embedded):
        folder, order = download_folder(entry), search_folders(entry)
        if location and order.index(location.folder) < order.index(folder):
            lacks = f"lacks {', '.join(location.missing)}, and cannot be written"
            raise InputError(f"{location.folder}: {lacks}: add what it lacks, or point ${VARIABLE} elsewhere")
        download(entry, folder)
        location = locate(entry)
    assert location is not None, "a download that returns has put the files where they are looked for"
    read_folder(entry, location)
    print(f"{name}: {_size_on_disk(entry, location.folder)} in {location.folder}")


def verify(name: str) -> None:
    """Checks structure and published SHA-256 of a dataset's files, and prints a line for each file.

    Raises:
        InputError: Unknown name, dataset not here, or a file that is not the published one.
    """
    entry = entry_named(name)
    location = locate(entry)
    if location is None:
        raise InputError(f"{name}: not on this machine; run `ctsigprop data fetch {name}`")
    read_folder(entry, location)
    wrong = []
    for file in entry.files:
        path = path_of(location.folder, file.path)
        try:
            print(f"OK     {path}{_check(path, file)}")
        except MalformedFile as error:
            print(f"WRONG  {path}")
            wrong.append(error)
    if wrong:
        raise InputError(f"{wrong[0]}; {remedy(entry)}") from wrong[0]


def _check(path: Path, file: DataFile) -> str:
    """What to say behind a file that is right."""
    if not has_published_sha256(path, file):
        return "  (its structure: the published SHA-256 is of the gzip file)"
    check_published(path, file)
    return ""


def _row(entry: Entry) -> tuple[str, ...]:
    location = locate(entry)
    if location is None:
        size, where = "", f"not here: ctsigprop data fetch {entry.name}"
    elif location.missing:
        size, where = "", f"{location.folder} lacks {', '.join(location.missing)}"
    else:
        size, where = _size_on_disk(entry, location.folder), str(location.folder)
    shape = "x".join(map(str, entry.shape))
    counts = (f"{count:,}" for count in (entry.classes, entry.train, entry.validation, entry.test))
    return (entry.name, shape, *counts, size, where)


def _size_on_disk(entry: Entry, folder: Path) -> str:
    size = sum(path_of(folder, file.path).stat().st_size for file in entry.files)
    return f"{size / 1e6:.2f} MB"
