"""A reproduced table of the paper as the page shows it, read from the JSON that the reproduction wrote."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ctsigprop.errors import InputError
from ctsigprop.experiments.paper.table import PATTERNS
from ctsigprop.experiments.report.run import Run, figures, read_object


@dataclass(frozen=True)
class MeasuredTable:
    """A table that `ctsigprop reproduce` has measured.

    Attributes:
        name: from the folder that was searched down to its own.
        path: its file.
        title: such as Table 6.
        scale: smoke or full.
        caption: what the figures are.
        columns: headings.
        rows: texts, the paper's figures in brackets beside the measured ones.
        differences: from the paper's experiment, in sentences.
        missing: labels of the runs that are still to be trained.
        figures: its PNG files.
        runs: the runs that are there.
    """

    name: str
    path: Path
    title: str
    scale: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    differences: tuple[str, ...]
    missing: tuple[str, ...]
    figures: tuple[Path, ...]
    runs: tuple[Run, ...]


def table_files(names: Iterable[str]) -> list[str]:
    """Those of a folder's files that hold reproduced tables."""
    listed = sorted(names)
    return [name for pattern in PATTERNS for name in listed if fnmatchcase(name, pattern)]


def read_table(file: Path, name: str, runs: tuple[Run, ...]) -> MeasuredTable:
    """Reads a reproduced table.

    Raises:
        InputError: the file is not as a reproduction writes it, or cannot be read.
    """
    content = read_object(file, file.parent)
    try:
        rows = tuple(_texts(row) for row in content["texts"])
        columns = _texts(content["columns"])
        if any(len(row) != len(columns) for row in rows):
            raise ValueError
        return MeasuredTable(
            name=name,
            path=file,
            title=file.stem.replace("-", " ").capitalize(),
            scale=str(content.get("scale", "full")),
            caption=str(content["caption"]),
            columns=columns,
            rows=rows,
            differences=_texts(content.get("differences", ())),
            missing=_texts(content.get("missing", ())),
            figures=figures(file.parent),
            runs=runs,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file}: is not as this version writes it: reproduce it anew") from error


def _texts(values: Any) -> tuple[str, ...]:
    return tuple(map(str, values))
