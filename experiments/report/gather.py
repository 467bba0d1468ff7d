"""Finds runs, sweeps and reproductions under folders; what cannot be read is kept with its one line."""

import csv
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any

from ctsigprop.core.files import read_bytes
from ctsigprop.errors import InputError
from ctsigprop.experiments.paper.figure_4.claims import AngleClaim, in_words
from ctsigprop.experiments.paper.figure_4.series import MEASURES
from ctsigprop.experiments.report.measured_table import MeasuredTable, read_table, table_files
from ctsigprop.experiments.report.run import FIGURES, FILES, Run, figures, read_object, read_run
from ctsigprop.experiments.sweeps.folder import CONTENT, FAILURE, POINTS

SUMMARY_TABLE = "summary.csv"
FIGURE_4 = "figure-4.json"
SWEEP, REPRODUCTION = "sweep", "reproduction"
AGAIN = "call the sweep again, which writes its tables anew"
MOST_DETAILED = 250
"""Runs of which the page shows settings, curves and figures; of the others it has a row."""
DEEPEST = 64
"""Folders inside one another that are searched."""
MOST_OF_A_TEXT = 1 << 22
"""Bytes of a sweep's texts."""
LONGEST_LINE = 500


@dataclass(frozen=True)
class Sweep:
    """A sweep folder.

    Attributes:
        name: from the folder that was searched down to its own.
        path: its folder.
        definition: text of sweep.yaml.
        table: rows of summary.csv, header first; empty before there is one.
        figures: its PNG files.
        failures: by name of the point, the error in one line.
        points: the runs that are there.
    """

    name: str
    path: Path
    definition: str
    table: tuple[tuple[str, ...], ...]
    figures: tuple[Path, ...]
    failures: Mapping[str, str]
    points: tuple[Run, ...]


@dataclass(frozen=True)
class Reproduction:
    """A folder of `ctsigprop reproduce figure-4`.

    Attributes:
        name: from the folder that was searched down to its own.
        path: its folder.
        scale: smoke or full.
        differences: from the paper's experiment, in sentences.
        missing: labels of the runs that are still to be trained.
        claims: of the paper, judged.
        figures: its PNG files.
        runs: the runs that are there.
    """

    name: str
    path: Path
    scale: str
    differences: tuple[str, ...]
    missing: tuple[str, ...]
    claims: tuple[AngleClaim, ...]
    figures: tuple[Path, ...]
    runs: tuple[Run, ...]


@dataclass(frozen=True)
class Found:
    """All that was found; `broken` holds one line for each folder that cannot be read."""

    runs: tuple[Run, ...] = ()
    sweeps: tuple[Sweep, ...] = ()
    reproductions: tuple[Reproduction, ...] = ()
    tables: tuple[MeasuredTable, ...] = ()
    broken: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything at all."""
        return bool(self.runs or self.sweeps or self.reproductions or self.tables or self.broken)

    @property
    def reproduced(self) -> tuple[Reproduction | MeasuredTable, ...]:
        """Figures and tables of the paper."""
        return (*self.reproductions, *self.tables)

    def every_run(self) -> Iterator[Run]:
        """Runs of their own, then those of reproductions, then the points of sweeps."""
        yield from self.runs
        for reproduction in self.reproduced:
            yield from reproduction.runs
        for sweep in self.sweeps:
            yield from sweep.points


class _Search:
    """A search of folders, which takes one that is reached twice once, and keeps the rows of so many runs of a kind."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, int]] = set()
        self._runs: Counter[str] = Counter()

    def found(self, path: Path, name: str, kind: str = "", depth: int = 0) -> Found:
        """What a folder holds. A run's folder is not searched further; runs inside a sweep are its points.

        Args:
            path: of the folder.
            name: from the folder that was named down to its own.
            kind: of what the runs inside it are a part.
            depth: below the folder that was named.
        """
        try:
            str(path).encode()
            if depth > DEEPEST:
                raise InputError(f"{path}: lies more than {DEEPEST} folders deep: name it itself")
            return self._taken(path, name, kind, depth)
        except UnicodeEncodeError:
            return Found(broken=(_line(f"{path}: its name is no UTF-8: rename it"),))
        except InputError as error:
            return Found(broken=(_line(str(error)),))
        except OSError as error:
            return Found(broken=(_line(f"{path}: cannot be read ({error.strerror})"),))

    def _taken(self, path: Path, name: str, kind: str, depth: int) -> Found:
        status = path.stat()
        if (place := (status.st_dev, status.st_ino)) in self._seen:
            return Found()
        self._seen.add(place)
        with os.scandir(path) as entries:
            folders = {entry.name: entry.is_dir(follow_symlinks=False) for entry in entries}
        tables = table_files(folders)
        special = SWEEP if CONTENT in folders else REPRODUCTION if FIGURE_4 in folders or tables else ""
        if not special and folders.keys() & FILES:
            self._runs[kind] += 1
            return Found(runs=(read_run(path, name, detailed=self._runs[kind] <= MOST_DETAILED),))
        below = sorted(inner for inner, is_folder in folders.items() if is_folder and inner[0] != ".")
        inside = _joined([self.found(path / inner, f"{name}/{inner}", special or kind, depth + 1) for inner in below])
        return _as_a_whole(path, name, special, tables, inside) if special else inside


def gather(folders: Sequence[Path]) -> Found:
    """Searches folders and all folders inside them; one that is reached twice is taken once."""
    search = _Search()
    return _joined([search.found(folder, folder.resolve().name) for folder in folders])


def _as_a_whole(path: Path, name: str, kind: str, tables: Sequence[str], inside: Found) -> Found:
    """A sweep or a reproduction with the runs inside it; those alone where it cannot be read."""
    try:
        if kind == SWEEP:
            return replace(inside, runs=(), sweeps=(_read_sweep(path, name, inside.runs), *inside.sweeps))
        if tables:
            read = [read_table(path / file, name, () if place else inside.runs) for place, file in enumerate(tables)]
            return replace(inside, runs=(), tables=(*read, *inside.tables))
        reproduction = _read_reproduction(path, name, inside.runs)
        return replace(inside, runs=(), reproductions=(reproduction, *inside.reproductions))
    except InputError as error:
        return replace(inside, broken=(_line(str(error)), *inside.broken))


def _read_sweep(path: Path, name: str, points: tuple[Run, ...]) -> Sweep:
    try:
        definition = read_bytes(path / CONTENT, path, MOST_OF_A_TEXT).decode()
        table = _read_table(path / SUMMARY_TABLE, path)
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror}): {AGAIN}") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{path}: is not as a sweep wrote it ({error}): {AGAIN}") from error
    records = sorted((path / POINTS).glob(f"[!.]*{FAILURE}"))
    failures = {record.name.removesuffix(FAILURE): _reason(record, path) for record in records}
    named = tuple(replace(point, name=f"{path.name}/{point.path.name}") for point in points)
    return Sweep(name, path, definition, table, figures(path / FIGURES), failures, named)


def _read_table(file: Path, inside: Path) -> tuple[tuple[str, ...], ...]:
    if not file.exists():
        return ()
    text = read_bytes(file, inside, MOST_OF_A_TEXT).decode()
    return tuple(tuple(row) for row in csv.reader(StringIO(text, newline="")) if row)


def _reason(record: Path, inside: Path) -> str:
    """Why a point failed, or why nobody can say."""
    try:
        return _line(str(read_object(record, inside).get("error", "no reason was recorded")))
    except InputError as error:
        return _line(str(error))


def _read_reproduction(path: Path, name: str, runs: tuple[Run, ...]) -> Reproduction:
    file = path / FIGURE_4
    content = read_object(file, path)
    try:
        claims = tuple(_claim(**claim) for claim in content["claims"])
        differences, missing = (tuple(map(str, content.get(field, ()))) for field in ("differences", "missing"))
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError(f"{file}: claims are not as this version writes them: reproduce it anew") from error
    scale = str(content.get("scale", "full"))
    return Reproduction(name, path, scale, differences, missing, claims, figures(path), runs)


def _claim(claim: str, measure: Any, runs: Sequence[str], numbers: Mapping[str, Any], holds: bool) -> AngleClaim:
    """A claim that the page can show.

    Raises:
        AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError: it is none.
    """
    if measure not in MEASURES or not isinstance(holds, bool):
        raise ValueError
    shown = AngleClaim(claim, numbers, holds, tuple(map(str, runs)), measure)
    in_words(shown)
    return shown


def _joined(parts: Sequence[Found]) -> Found:
    return Found(
        runs=tuple(run for part in parts for run in part.runs),
        sweeps=tuple(sweep for part in parts for sweep in part.sweeps),
        reproductions=tuple(reproduction for part in parts for reproduction in part.reproductions),
        tables=tuple(table for part in parts for table in part.tables),
        broken=tuple(line for part in parts for line in part.broken),
    )


def _line(text: str) -> str:
    """A text in one line that is not too long."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]} ..."
