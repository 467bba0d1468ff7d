"""`ctsigprop reproduce loop-alignment`: what brings the loop into alignment, and whether accuracy follows."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from ctsigprop.analysis.measures.angle import Angle
from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.data import dataset_of
from ctsigprop.experiments.paper.figure_4.claims import AngleClaim, all_claims
from ctsigprop.experiments.paper.figure_4.run import measured_run, print_claims, random_of
from ctsigprop.experiments.paper.figure_4.series import ANGLES, all_series
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.loop_alignment.drawing import page
from ctsigprop.experiments.paper.loop_alignment.found import LAST, Point, points
from ctsigprop.experiments.paper.loop_alignment.plan import DIFFERENCES, LEARNS, SCALES, Trial, plan
from ctsigprop.experiments.paper.plan import Planned
from ctsigprop.experiments.paper.scheduling import begin, finish_all
from ctsigprop.experiments.paper.table import Line, Table, command_of, print_table, write_table
from ctsigprop.runs import RunFolder
from ctsigprop.settings import Settings
from ctsigprop.settings.config import to_values

NAME = "loop-alignment"


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Train the runs that are not finished, draw the page, and print the table and the paper's claims.

    Args:
        scale: smoke or full.
        output: folder of the page and, in runs/, of the runs; made where it is missing.
        hardware: that trains; NumPy needs no device.
        quiet: show no progress bar.

    Raises:
        InputError: a folder that holds a run of other settings, or data that is not to be had.
        RunFailure: a run that failed, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    trials = list(plan(scale, hardware.threads))
    folders: dict[Settings, Path] = {}
    for trial in trials:
        folders.setdefault(trial.settings, output / "runs" / trial.label)
    runs = {folder: settings for settings, folder in folders.items()}
    begin(output, runs)
    for _ in finish_all(runs, quiet=quiet):
        pass
    found = points([(trial, RunFolder.open(folders[trial.settings]).metrics()) for trial in trials])
    claims = _claims(trials, folders)
    with styled():
        figure = page(found)
        for suffix in ("png", "pdf"):
            save(figure, output / f"{NAME}.{suffix}")
    table = _table(found, scale)
    report = {
        "command": command_of(NAME, scale, output, hardware),
        "scale": scale,
        "settings": to_values(trials[0].settings),
        "seeds": SCALES[scale].seeds,
        "points": [asdict(one) for one in found],
        "claims": [asdict(one) for one in claims],
    }
    write_table(output, table, report)
    print_table(table)
    print_claims(claims)
    print(f"in {output}: {NAME}.png, {NAME}.pdf, {NAME}.md, and every number in {NAME}.json")


def _claims(trials: Sequence[Trial], folders: Mapping[Settings, Path]) -> list[AngleClaim]:
    """Judge the paper's four sentences on a loop that learns and one that is fixed, of each width and seed."""
    taken = {
        folders[trial.settings]: Planned(trial.label, trial.settings)
        for trial in trials
        if trial.axis == "loop rate" and trial.value in (0.0, LEARNS)
    }
    data = dataset_of(next(iter(taken.values())).settings.data)
    runs = [measured_run(folder, planned, data) for folder, planned in taken.items()]
    shapes = {run.network: planned.settings for run, planned in zip(runs, taken.values(), strict=True)}
    random = [one for network, settings in shapes.items() for one in random_of(network, settings, data)]
    return all_claims(runs, all_series(runs), random)


def _table(found: Sequence[Point], scale: str) -> Table:
    matrices = {angle: Angle.parse(angle).matrix for angle in ANGLES}
    rows: list[Line] = []
    for one in found:
        row: dict[str, str | float] = {"axis": one.axis, "width": one.width}
        unit = " x" if one.axis == "loop rate" else ""
        row["value"] = one.value if isinstance(one.value, str) else f"{one.value:g}{unit}"
        for angle, matrix in matrices.items():
            row[matrix] = str(one.angles[angle])
            row[f"{matrix}, slopes"] = str(one.slopes[angle])
        row["W31 moved (%)"] = f"{100 * one.moved.value:.3g}"
        row["validation error"], row["test error"] = one.validation_error.text(2), one.test_error.text(2)
        rows.append(row)
    columns = ["axis", "width", "value"]
    columns += [name for matrix in matrices.values() for name in (matrix, f"{matrix}, slopes")]
    columns += ["W31 moved (%)", "validation error", "test error"]
    caption = (
        "Angles of matrices, and with each sample's slopes, in degrees after the last epoch; errors in percent, of "
        f"validation over the last {LAST} epochs and of test at the best of them all. Means over seeds and their "
        "standard errors."
    )
    return Table(NAME, caption, columns, rows, DIFFERENCES[scale])
