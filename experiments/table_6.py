"""`ctsigprop reproduce table-6`: trains what is missing, and writes the table anew after each run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from ctsigprop.config import to_values
from ctsigprop.experiments.finishing import is_finished
from ctsigprop.experiments.table_6_claims import Claim, all_claims
from ctsigprop.experiments.table_6_plan import ALGORITHMS, DIFFERENCES, ROWS, Planned, Row, plan
from ctsigprop.experiments.tables import NOTHING, Cell, Table, command_of, print_table, write_table
from ctsigprop.experiments.turns import finish_all, turn
from ctsigprop.files import write_failures
from ctsigprop.runs import RunFolder, best_row

NAME = "table-6"
CAPTION = (
    "Table VI: test error in percent at the epoch of the smallest validation error, mean and standard deviation over "
    "seeds [the paper's in brackets]"
)
NOT_RUN = "not run"


def reproduce(scale: str, output: Path, threads: int, *, quiet: bool) -> None:
    """Brings every run of the plan to its end, then prints the table and what it shows.

    Several processes may be started on one output: each trains what no other does.

    Args:
        scale: smoke or full.
        output: folder of the table and, in runs/, of the runs; made where it is missing.
        threads: of every numerical library, for the settings of the runs.
        quiet: show no progress bar.

    Raises:
        InputError: a folder that holds a run of other settings, or data that is not to be had.
        RunFailure: a run that failed, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    planned = plan(scale, threads)
    with write_failures(output):
        (output / "runs").mkdir(parents=True, exist_ok=True)
    runs = {output / "runs" / one.label: one.settings for one in planned}
    finished = sum(is_finished(folder, settings) for folder, settings in runs.items())
    print(f"{finished} of {len(planned)} runs finished", flush=True)
    for _ in finish_all(runs, quiet=quiet):
        _report(output, scale, threads, planned)
    table, claims = _report(output, scale, threads, planned)
    print_table(table)
    for claim in claims:
        errors = ", ".join(f"{name.upper()} {error:.2f} %" for name, error in claim.errors.items())
        print(f"{'yes' if claim.holds else 'no':<5}{claim.row}: {claim.claim}: {errors}")
    print(f"in {output}: {NAME}.md, and every number in {NAME}.json")


def _report(output: Path, scale: str, threads: int, planned: Sequence[Planned]) -> tuple[Table, list[Claim]]:
    """Writes the table of the runs that are finished by now, whoever trained them."""
    with write_failures(output), turn(output):
        finished = [one for one in planned if is_finished(output / "runs" / one.label, one.settings)]
        found = {one: _outcome(output / "runs" / one.label, one) for one in finished}
        table, claims = table_of(scale, found), all_claims(_means(found)) if scale == "full" else []
        extra = {
            "command": command_of(NAME, scale, output, threads),
            "scale": scale,
            "seconds": sum(outcome["seconds"] for outcome in found.values()),
            "missing": [one.label for one in planned if one not in found],
            "claims": [asdict(claim) for claim in claims],
            "runs": list(found.values()),
        }
        write_table(output, table, extra)
    return table, claims


def table_of(scale: str, found: Mapping[Planned, Mapping[str, Any]]) -> Table:
    """Table VI, every cell over its seeds.

    Args:
        scale: smoke or full.
        found: outcome of each finished run: its test_error is taken.
    """
    rows = []
    for row in ROWS:
        cells = {algorithm.upper(): _cell(row, algorithm, found) for algorithm in ALGORITHMS}
        rows.append({"dataset": row.dataset, "network": row.network, **cells})
    columns = ("dataset", "network", *(algorithm.upper() for algorithm in ALGORITHMS))
    return Table(NAME, CAPTION, columns, rows, DIFFERENCES[scale])


def _cell(row: Row, algorithm: str, found: Mapping[Planned, Mapping[str, Any]]) -> Cell:
    errors = _errors(found).get((row.key, algorithm), [])
    error, spread = row.paper[algorithm]
    return Cell(
        measured=mean(errors) if errors else None,
        paper=error,
        spread=stdev(errors) if len(errors) > 1 else None,
        paper_spread=spread,
        missing=NOTHING if row.values else NOT_RUN,
    )


def _means(found: Mapping[Planned, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    means: dict[str, dict[str, float]] = {}
    for (row, algorithm), errors in _errors(found).items():
        means.setdefault(row, {})[algorithm] = mean(errors)
    return means


def _errors(found: Mapping[Planned, Mapping[str, Any]]) -> dict[tuple[str, str], list[float]]:
    """Test errors of all seeds, by row and algorithm."""
    errors: dict[tuple[str, str], list[float]] = {}
    for one, outcome in found.items():
        errors.setdefault((one.row, one.algorithm), []).append(outcome["test_error"])
    return errors


def _outcome(folder: Path, one: Planned) -> dict[str, Any]:
    """What a finished run came to, for the table's JSON."""
    rows = RunFolder.open(folder).metrics()
    best, last = best_row(rows), rows[-1]
    return {
        "label": one.label,
        "row": one.row,
        "algorithm": one.algorithm,
        "seed": one.seed,
        "test_error": best["test_error"],
        "best_epoch": best["epoch"],
        "best_validation_error": best["validation_error"],
        "final_test_error": last["test_error"],
        "final_train_error": last["train_error"],
        "epochs": last["epoch"],
        "seconds": sum(row["seconds"] for row in rows),
        "settings": to_values(one.settings),
    }
