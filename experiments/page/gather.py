"""Finds runs, sweeps and reproductions under folders; what cannot be read is kept with its one line."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ctsigprop.analysis.figure_4_claims import Claim, in_words
from ctsigprop.errors import InputError
from ctsigprop.experiments.page.measured_table import MeasuredTable, read_table, table_files
from ctsigprop.experiments.page.run import FILES, Run, figures, read_object, read_run
from ctsigprop.experiments.sweep_folder import CONTENT, FAILURE, POINTS

SUMMARY_TABLE = "summary.csv"
FIGURE_4 = "figure-4.json"


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
    claims: tuple[Claim, ...]
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


def gather(folders: Sequence[Path]) -> Found:
    """Searches folders and all folders inside them; one that is reached twice is taken once."""
    seen: set[Path] = set()
    return _joined([_search(folder, folder.resolve().name, seen) for folder in folders])


def _search(path: Path, name: str, seen: set[Path]) -> Found:
    """What a folder holds. A run's folder is not searched further; runs inside a sweep are its points."""
    if path.resolve() in seen:
        return Found()
    seen.add(path.resolve())
    try:
        entries = sorted(path.iterdir())
        files = {entry.name for entry in entries}
        tables = table_files(path)
        special = bool(CONTENT in files or FIGURE_4 in files or tables)
        if files & FILES and not special:
            return Found(runs=(read_run(path, name),))
        folders = [entry for entry in entries if entry.is_dir() and not entry.is_symlink() and entry.name[0] != "."]
        inside = _joined([_search(folder, f"{name}/{folder.name}", seen) for folder in folders])
    except InputError as error:
        return Found(broken=(_line(str(error)),))
    except OSError as error:
        return Found(broken=(f"{path}: cannot be read ({error.strerror})",))
    if not special:
        return inside
    try:
        if CONTENT in files:
            return replace(inside, runs=(), sweeps=(_read_sweep(path, name, inside.runs), *inside.sweeps))
        if tables:
            read = [read_table(file, name, () if place else inside.runs) for place, file in enumerate(tables)]
            return replace(inside, runs=(), tables=(*read, *inside.tables))
        reproduction = _read_reproduction(path, name, inside.runs)
        return replace(inside, runs=(), reproductions=(reproduction, *inside.reproductions))
    except InputError as error:
        return replace(inside, broken=(_line(str(error)), *inside.broken))


def _read_sweep(path: Path, name: str, points: tuple[Run, ...]) -> Sweep:
    try:
        definition = (path / CONTENT).read_text(encoding="utf-8")
        table = _read_table(path / SUMMARY_TABLE)
    except (OSError, ValueError, csv.Error) as error:
        reason = "cannot be read" if isinstance(error, OSError) else "is not as a sweep wrote it"
        raise InputError(f"{path}: {reason} ({error}): call the sweep again, which writes its tables anew") from error
    records = sorted((path / POINTS).glob(f"[!.]*{FAILURE}"))
    failures = {record.name.removesuffix(FAILURE): _reason(record) for record in records}
    named = tuple(replace(point, name=f"{path.name}/{point.path.name}") for point in points)
    return Sweep(name, path, definition, table, figures(path / "figures"), failures, named)


def _read_table(path: Path) -> tuple[tuple[str, ...], ...]:
    if not path.exists():
        return ()
    with path.open(newline="", encoding="utf-8") as file:
        return tuple(tuple(row) for row in csv.reader(file) if row)


def _reason(record: Path) -> str:
    """Why a point failed, or why nobody can say."""
    try:
        return _line(str(read_object(record).get("error", "no reason was recorded")))
    except InputError as error:
        return _line(str(error))


def _read_reproduction(path: Path, name: str, runs: tuple[Run, ...]) -> Reproduction:
    file = path / FIGURE_4
    content = read_object(file)
    try:
        claims = tuple(Claim(**claim) for claim in content["claims"])
        for claim in claims:
            in_words(claim)
        differences, missing = (tuple(map(str, content.get(field, ()))) for field in ("differences", "missing"))
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{file}: claims are not as this version writes them: reproduce it anew") from error
    scale = str(content.get("scale", "full"))
    return Reproduction(name, path, scale, differences, missing, claims, figures(path), runs)


def _joined(parts: Sequence[Found]) -> Found:
    return Found(
        runs=tuple(run for part in parts for run in part.runs),
        sweeps=tuple(sweep for part in parts for sweep in part.sweeps),
        reproductions=tuple(reproduction for part in parts for reproduction in part.reproductions),
        tables=tuple(table for part in parts for table in part.tables),
        broken=tuple(line for part in parts for line in part.broken),
    )


def _line(text: str) -> str:
    return " ".join(text.split())
