"""`ctsigprop reproduce figure-3`: trains a network, then draws how near inputs and targets come, layer by layer."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ctsigprop.analysis.measures.distances import Point
from ctsigprop.analysis.plots.distances import distances_figure
from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.core.files import write_failures
from ctsigprop.data.catalog import CATALOG
from ctsigprop.experiments.finishing import finish, is_finished
from ctsigprop.experiments.paper.figure_3.claims import all_claims
from ctsigprop.experiments.paper.figure_3.plan import DIFFERENCES, PAPER, SAMPLES, plan
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.table import Cell, Line, Table, command_of, print_table, write_table
from ctsigprop.runs import RunFolder
from ctsigprop.runs.metrics import best_row
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.config import to_values

NAME = "figure-3"
MEASURE = (
    "cosine distance between a sample's activations and each class's target, "
    f"over the first {SAMPLES} validation samples or all there are"
)


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Trains the run where it is not finished, measures its kept checkpoints, draws them and prints the claims.

    Args:
        scale: smoke or full.
        output: folder of the figure and, in runs/, of the run; made where it is missing.
        hardware: that trains.
        quiet: show no progress bar.

    Raises:
        InputError: a folder that holds a run of other settings, or data that is not to be had.
        RunFailure: a run that failed, or a disk that is full.
        KeyboardInterrupt: after the state was saved.
    """
    settings = plan(scale, hardware)
    folder = output / "runs" / settings.title
    with write_failures(output):
        folder.parent.mkdir(parents=True, exist_ok=True)
    if not is_finished(folder, settings):
        finish(folder, settings, quiet=quiet)
    run = RunFolder.open(folder)
    points = measured(run, settings)
    claims, table = all_claims(points, CATALOG[settings.data.name].classes), _table(points, scale)
    with styled():
        figure = distances_figure(points)
        for suffix in ("png", "pdf"):
            save(figure, output / f"{NAME}.{suffix}")
    rows = run.metrics()
    report = {
        "command": command_of(NAME, scale, output, hardware),
        "scale": scale,
        "paper": PAPER,
        "measure": MEASURE,
        "settings": to_values(settings),
        "seed": settings.training.seed,
        "seconds": sum(row["seconds"] for row in rows),
        "test_error": best_row(rows)["test_error"],
        "claims": [{"claim": claim.claim, "numbers": claim.numbers, "holds": claim.holds} for claim in claims],
        "points": [{**asdict(point), "margin": point.margin} for point in points],
    }
    write_table(output, table, report)
    print_table(table)
    for claim in claims:
        numbers = ", ".join(f"{place} {number:.3f}" for place, number in claim.numbers.items())
        print(f"{'yes' if claim.holds else 'no':<5}{claim.claim}: {numbers}")
    print(f"in {output}: {NAME}.png, {NAME}.pdf, and every number in {NAME}.json")


def measured(run: RunFolder, settings: DiscreteSettings) -> list[Point]:
    """Distances before training and after each epoch of training.keep."""
    from ctsigprop.discrete.distances import run_distances

    by_epoch = run_distances(run, (0, *settings.training.keep), SAMPLES)
    return [Point(epoch=epoch, **asdict(one)) for epoch, found in by_epoch.items() for one in found]


def _table(points: Sequence[Point], scale: str) -> Table:
    """The distances after the last epoch."""
    last = max(point.epoch for point in points)
    rows: list[Line] = [
        {
            "place": point.place,
            "same class": Cell(point.same, spread=point.same_deviation, digits=3),
            "other classes": Cell(point.other, spread=point.other_deviation, digits=3),
            "margin": Cell(point.margin, digits=3),
            "nearest (%)": Cell(point.nearest, digits=1),
        }
        for point in points
        if point.epoch == last
    ]
    caption = f"Fig. 3: cosine distance from inputs to targets after epoch {last}, mean ± SD over samples"
    return Table(NAME, caption, tuple(rows[0]), rows, DIFFERENCES[scale])
