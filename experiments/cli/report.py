"""`ctsigprop report`: one HTML page of runs, sweeps and reproductions."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ctsigprop.core.files import atomic
from ctsigprop.errors import InputError
from ctsigprop.experiments.cli.arguments import output_file
from ctsigprop.experiments.report.gather import gather
from ctsigprop.experiments.report.render import in_words, page

FOLDERS = ("runs", "sweeps", "reproductions")
OUTPUT = "report.html"


def command(options: Mapping[str, Any]) -> None:
    """Writes the page, and prints where it is, what it shows and its size.

    Args:
        options: what the user gave, and nothing else.

    Raises:
        InputError: folders that are not there or hold nothing, or an output that cannot be a file.
        RunFailure: the page cannot be written.
    """
    folders = _folders(options)
    output = output_file(options.get("output", OUTPUT))
    found = gather(folders)
    if not found:
        listed = ", ".join(map(str, folders))
        raise InputError(f"{listed}: no run, sweep or reproduction in there: give the folder of one")
    text = page(found, folders).encode()
    with atomic(output) as file:
        file.write(text)
    print(f"{output}: {in_words(found)}; {len(text) / 1e6:.2f} MB")


def _folders(options: Mapping[str, Any]) -> list[Path]:
    """The folders that were named, or those of FOLDERS that are here."""
    folders = [Path(name) for name in options.get("folders") or FOLDERS]
    if not options.get("folders"):
        folders = [folder for folder in folders if folder.is_dir()]
        if not folders:
            raise InputError(f"report: none of {', '.join(FOLDERS)} is here: name a folder that holds runs")
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder: give one that holds runs, sweeps or reproductions")
    return folders
