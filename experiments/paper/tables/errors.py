"""What Tables V and VI share: runs are trained one by one; each updates the test errors beside the paper's."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ctsigprop.core.files import read_json, write_failures
from ctsigprop.core.locks import one_at_a_time
from ctsigprop.experiments.finishing import is_finished
from ctsigprop.experiments.paper.claims import Claim, Errors
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.plan import Planned
from ctsigprop.experiments.paper.scheduling import begin, finish_all
from ctsigprop.experiments.paper.table import Cell, Line, Row, Table, command_of, print_table, write_table
from ctsigprop.runs import RunFolder
from ctsigprop.runs.metrics import best_row
from ctsigprop.runs.rows import MetricsRow
from ctsigprop.settings import AnySettings
from ctsigprop.settings.config import to_values

SPLIT = "trained without the validation samples, by which the epoch is chosen whose test error counts"

Metrics = Sequence[MetricsRow]
"""Of a finished run."""

AnyPlanned = Planned[AnySettings]
Found = Mapping[AnyPlanned, Metrics]
"""The runs that are finished."""


@dataclass(frozen=True)
class ErrorTable:
    """A table of test errors.

    Attributes:
        name: of the reproduction and its files.
        headings: by column.
        table: makes the table of the finished runs.
        claims: judges the mean errors, by row and column, at full scale.
        keys: tell a run's place in the table, in the JSON.
        more: measures further fields of a finished run in the JSON, once.
        draw: writes further files of the table into a folder.
    """

    name: str
    headings: Mapping[str, str]
    table: Callable[[Found], Table]
    claims: Callable[[Mapping[str, Errors]], list[Claim[float]]]
    keys: Callable[[AnyPlanned], Mapping[str, str | int]]
    more: Callable[[Path], Mapping[str, Any]] = lambda _: {}
    draw: Callable[[Table, Path], None] = lambda *_: None


def reproduce_errors(
    kind: ErrorTable, planned: Sequence[AnyPlanned], scale: str, output: Path, hardware: Hardware, *, quiet: bool
) -> None:
    """Bring every run of a plan to its end, then print the table and what it shows.

    Several processes may be started on one output: each trains what no other does.

    Args:
        kind: the table.
        planned: its runs, in order.
        scale: smoke or full.
        output: folder of the table and, in runs/, of the runs; made where it is missing.
        hardware: that computes.
        quiet: show no progress bar.

    Raises:
        InputError: a folder that holds a run of other settings, or data that is not to be had.
        RunFailure: a run that failed, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    runs = {output / "runs" / one.label: one.settings for one in planned}
    finished = begin(output, runs)
    print(f"{finished} of {len(planned)} runs finished", flush=True)
    command = command_of(kind.name, scale, output, hardware)
    for _ in finish_all(runs, quiet=quiet):
        _report(kind, planned, scale, output, command)
    table, claims = _report(kind, planned, scale, output, command)
    print_table(table)
    for claim in claims:
        errors = ", ".join(f"{kind.headings[column]} {error:.2f} %" for column, error in claim.numbers.items())
        print(f"{'yes' if claim.holds else 'no':<5}{claim.on[0]}: {claim.claim}: {errors}")
    print(f"in {output}: {kind.name}.md, and every number in {kind.name}.json")


def errors_of(found: Found, row: str, column: str) -> list[float]:
    """Test errors of a cell's runs, each at the epoch of the smallest validation error."""
    return [best_row(rows)["test_error"] for one, rows in found.items() if (one.row, one.column) == (row, column)]


def lines_of(rows: Sequence[Row], headings: Mapping[str, str], found: Found) -> list[Line]:
    """Return the lines of a table, every cell over its seeds.

    Args:
        rows: as the paper prints them.
        headings: by column.
        found: metrics of each finished run.
    """
    return [
        {
            **row.words,
            **{heading: _cell(row, column, errors_of(found, row.key, column)) for column, heading in headings.items()},
        }
        for row in rows
    ]


def _cell(row: Row, column: str, errors: Sequence[float]) -> Cell:
    paper, spread = row.paper[column]
    return Cell(
        measured=mean(errors) if errors else None,
        paper=paper,
        spread=stdev(errors) if len(errors) > 1 else None,
        paper_spread=spread,
        missing=row.missing,
    )


def _report(
    kind: ErrorTable, planned: Sequence[AnyPlanned], scale: str, output: Path, command: str
) -> tuple[Table, list[Claim[float]]]:
    """Write the table of the finished runs, whichever process trained them."""
    with write_failures(output), one_at_a_time(output):
        folders = {one: output / "runs" / one.label for one in planned}
        finished = [one for one, folder in folders.items() if is_finished(folder, one.settings)]
        found = {one: RunFolder.open(folders[one]).metrics() for one in finished}
        table, claims = kind.table(found), kind.claims(_means(found)) if scale == "full" else []
        before = (read_json(output / f"{kind.name}.json") or {}).get("runs", [])
        extra = {
            "command": command,
            "scale": scale,
            "seconds": sum(row["seconds"] for rows in found.values() for row in rows),
            "missing": [one.label for one in planned if one not in found],
            "claims": [
                {"claim": one.claim, "row": one.on[0], "errors": one.numbers, "holds": one.holds} for one in claims
            ],
            "runs": [_run(kind, one, rows, folders[one], before) for one, rows in found.items()],
        }
        write_table(output, table, extra)
        kind.draw(table, output)
    return table, claims


def _means(found: Found) -> dict[str, dict[str, float]]:
    means: dict[str, dict[str, float]] = {}
    for one in found:
        means.setdefault(one.row, {})[one.column] = mean(errors_of(found, one.row, one.column))
    return means


def _run(
    kind: ErrorTable, one: AnyPlanned, rows: Metrics, folder: Path, before: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Describe a finished run for the table's JSON; keep the former entry of a run with the same outcome."""
    outcome = {"label": one.label, **kind.keys(one), **_outcome(rows)}
    recorded = next((run for run in before if outcome.items() <= run.items()), None)
    return {**(recorded or {**outcome, **kind.more(folder)}), "settings": to_values(one.settings)}


def _outcome(rows: Metrics) -> dict[str, Any]:
    """Return what a finished run came to."""
    best, last = best_row(rows), rows[-1]
    return {
        "test_error": best["test_error"],
        "best_epoch": best["epoch"],
        "best_validation_error": best["validation_error"],
        "final_test_error": last["test_error"],
        "final_train_error": last["train_error"],
        "epochs": last["epoch"],
        "seconds": sum(row["seconds"] for row in rows),
    }
