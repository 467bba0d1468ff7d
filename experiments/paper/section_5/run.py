"""`ctsigprop reproduce section-5`: trains what is missing, and writes the table anew after each run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev

from ctsigprop.core.files import write_failures
from ctsigprop.core.locks import one_at_a_time
from ctsigprop.experiments.finishing import is_finished
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.plan import Planned
from ctsigprop.experiments.paper.scheduling import begin, finish_all
from ctsigprop.experiments.paper.section_5.plan import DIFFERENCES, plan
from ctsigprop.experiments.paper.section_5.published import PAPER
from ctsigprop.experiments.paper.seeds import standard_error
from ctsigprop.experiments.paper.table import NOTHING, Line, Table, command_of, print_table, write_table
from ctsigprop.runs import RunFolder
from ctsigprop.runs.metrics import best_row
from ctsigprop.settings import Settings
from ctsigprop.settings.config import to_values

NAME = "section-5"


@dataclass(frozen=True)
class Result:
    """One run: errors in percent.

    Attributes:
        row: of the table.
        seed: of the run.
        best_epoch: by validation.
        test: at the best epoch.
        validation: likewise.
        train: of the last epoch.
        angles: after the last epoch, degrees by name.
        changes: |W - W_0| / |W_0| after the last epoch, by matrix.
    """

    row: str
    seed: int
    best_epoch: int
    test: float
    validation: float
    train: float
    angles: Mapping[str, float]
    changes: Mapping[str, float | None]


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Bring every run of the plan to its end; several processes may share the work.

    Args:
        scale: smoke or full.
        output: folder of the table and, in runs/, of the runs; made where it is missing.
        hardware: that trains; NumPy needs no device.
        quiet: show no progress bar.

    Raises:
        InputError: a folder that holds a run of other settings, or data that is not to be had.
        RunFailure: a run that failed, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    runs = {output / "runs" / one.label: one for one in plan(scale, hardware.threads)}
    settings = {folder: one.settings for folder, one in runs.items()}
    begin(output, settings)
    command = command_of(NAME, scale, output, hardware)
    for _ in finish_all(settings, quiet=quiet):
        _report(output, scale, command, runs)
    print_table(_report(output, scale, command, runs))
    print(f"in {output}: {NAME}.md, and every number in {NAME}.json")


def _report(output: Path, scale: str, command: str, runs: Mapping[Path, Planned[Settings]]) -> Table:
    """Write the table of the runs that are finished by now, whoever trained them."""
    with write_failures(output), one_at_a_time(output):
        finished = {folder: one for folder, one in runs.items() if is_finished(folder, one.settings)}
        results = [_result(folder, one) for folder, one in finished.items()]
        table = _table(results, runs, scale)
        report = {
            "command": command,
            "scale": scale,
            "paper": [asdict(one) for one in PAPER],
            "missing": [one.label for folder, one in runs.items() if folder not in finished],
            "settings": {one.row: to_values(one.settings) for one in runs.values()},
            "runs": [asdict(one) for one in results],
        }
        write_table(output, table, report)
    return table


def _result(folder: Path, one: Planned[Settings]) -> Result:
    rows = RunFolder.open(folder).metrics()
    best, last = best_row(rows), rows[-1]
    return Result(
        *(one.row, one.settings.training.seed, best["epoch"]),
        *(best["test_error"], best["validation_error"], last["train_error"]),
        angles=last["angles"],
        changes=last.get("changes", {}),
    )


def _table(results: Sequence[Result], runs: Mapping[Path, Planned[Settings]], scale: str) -> Table:
    rows: list[Line] = []
    for row in dict.fromkeys(one.row for one in runs.values()):
        found = [one for one in results if one.row == row]
        settings = next(one.settings for one in runs.values() if one.row == row)
        line: dict[str, str | float] = {
            "data": settings.data.title,
            "hidden layers": "-".join(map(str, settings.network.hidden)),
            "loop": "fixed" if settings.learning.fixed else "learned",
            "rule": settings.learning.rule,
            "epochs": settings.training.epochs,
            "seeds": len(found),
            "paper": _published(settings),
        }
        for words, errors in (
            ("test", [one.test for one in found]),
            ("best validation", [one.validation for one in found]),
            ("final training", [one.train for one in found]),
        ):
            line[words] = _in_words(errors)
        rows.append(line)
    caption = (
        "Sec. V-C: errors in percent, test at the epoch with the best validation error. Mean over seeds, their "
        "standard deviation, and in brackets the standard error of the mean."
    )
    return Table(NAME, caption, tuple(rows[0]), rows, DIFFERENCES[scale])


def _published(settings: Settings) -> str:
    """The paper's test error of the same network with a learned loop."""
    if settings.learning.fixed:
        return NOTHING
    same = (one for one in PAPER if (one.dataset, one.hidden) == (settings.data.name, settings.network.hidden))
    return next((one.text("test", NOTHING) for one in same), NOTHING)


def _in_words(errors: Sequence[float]) -> str:
    """Such as "1.63 ± 0.05 (0.02)"."""
    if not errors:
        return NOTHING
    if (error := standard_error(errors)) is None:
        return f"{errors[0]:.2f}"
    return f"{mean(errors):.2f} ± {stdev(errors):.2f} ({error:.2f})"
