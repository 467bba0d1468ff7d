"""`ctsigprop reproduce hardware`: what noise, mismatch, few bits, short phases and late outputs cost, on one page."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean

from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.on_hardware.drawing import page
from ctsigprop.experiments.paper.on_hardware.found import BORNE, Outcome, Point, borne, points
from ctsigprop.experiments.paper.on_hardware.plan import ARCHITECTURES, AXES, DIFFERENCES, SCALES, Trial, plan
from ctsigprop.experiments.paper.scheduling import begin, finish_all
from ctsigprop.experiments.paper.table import Line, Table, command_of, print_table, write_table
from ctsigprop.runs import RunFolder
from ctsigprop.runs.metrics import best_row
from ctsigprop.settings.config import to_values

NAME = "hardware"


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Train the runs that are not finished, draw the page, and print what each network bears.

    Args:
        scale: smoke or full.
        output: folder of the page and, in runs/, of the runs; made where it is missing.
        hardware: that trains.
        quiet: show no progress bar.

    Raises:
        InputError: a folder that holds a run of other settings.
        RunFailure: a run that failed, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    trials = {output / "runs" / _label(trial): trial for trial in plan(scale, hardware.threads)}
    runs = {folder: trial.settings for folder, trial in trials.items()}
    begin(output, runs)
    for _ in finish_all(runs, quiet=quiet):
        pass
    found = points([_outcome(RunFolder.open(folder), trial) for folder, trial in trials.items()])
    with styled():
        figure = page(found)
        for suffix in ("png", "pdf"):
            save(figure, output / f"{NAME}.{suffix}")
    table = _table(found, scale)
    report = {
        "command": command_of(NAME, scale, output, hardware),
        "scale": scale,
        "settings": to_values(next(iter(trials.values())).settings),
        "seeds": SCALES[scale].seeds,
        "points": [asdict(one) for one in found],
        "borne": borne(found),
    }
    write_table(output, table, report)
    print_table(table)
    print(f"in {output}: {NAME}.png, {NAME}.pdf, and every number in {NAME}.json")


def _label(trial: Trial) -> str:
    """Return the name of a run's folder."""
    kind = "timed" if trial.timed else "rest"
    axis = next((f"{place}-{trial.value:g}" for place, one in enumerate(AXES) if one.name == trial.axis), "ideal")
    return f"{kind}-{axis}-{trial.architecture}-{trial.settings.training.seed}"


def _outcome(run: RunFolder, trial: Trial) -> Outcome:
    rows = run.metrics()
    angles = list(rows[-1]["angles"].values())
    return Outcome(trial, best_row(rows)["test_error"], mean(angles) if angles else None)


def _table(found: Sequence[Point], scale: str) -> Table:
    """Return what each network bears: a row an axis, a column a network."""
    said = borne(found)
    rows: list[Line] = [
        {"property": axis.name}
        | {words: _words(said[axis.name][architecture]) for architecture, words in ARCHITECTURES.items()}
        for axis in AXES
    ]
    caption = f"What each network bears: the harshest value that costs at most {BORNE:g} point of test error"
    return Table(NAME, caption, tuple(rows[0]), rows, DIFFERENCES[scale])


def _words(value: float | None) -> str:
    return "none of those tried" if value is None else f"{value:g}"
