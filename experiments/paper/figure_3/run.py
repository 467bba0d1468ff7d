"""`ctsigprop reproduce figure-3`: trains a network, then draws how near inputs and targets come, layer by layer."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from ctsigprop.discrete.distances import Distances

NAME = "figure-3"
MEASURE = (
    "cosine distance between a sample's activations and each class's target, "
    f"over the first {SAMPLES} validation samples or all there are"
)


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Train the run unless finished, measure its checkpoints, draw them and print the claims.

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
    found = measured(run, settings)
    claims, table = all_claims(found, CATALOG[settings.data.name].classes), _table(found, scale)
    with styled():
        figure = distances_figure(found)
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
        "points": [
            {"epoch": epoch, **asdict(one), "margin": one.margin} for epoch, places in found.items() for one in places
        ],
    }
    write_table(output, table, report)
    print_table(table)
    for claim in claims:
        numbers = ", ".join(f"{place} {number:.3f}" for place, number in claim.numbers.items())
        print(f"{'yes' if claim.holds else 'no':<5}{claim.claim}: {numbers}")
    print(f"in {output}: {NAME}.png, {NAME}.pdf, and every number in {NAME}.json")


def measured(run: RunFolder, settings: DiscreteSettings) -> Mapping[int, Sequence["Distances"]]:
    """Return distances by epoch: before training and after each epoch of training.keep."""
    from ctsigprop.discrete.distances import run_distances

    return run_distances(run, (0, *settings.training.keep), SAMPLES)


def _table(found: Mapping[int, Sequence["Distances"]], scale: str) -> Table:
    """Return the distances after the last epoch."""
    last = max(found)
    rows: list[Line] = [
        {
            "place": one.place,
            "same class": Cell(one.same, spread=one.same_deviation, digits=3),
            "other classes": Cell(one.other, spread=one.other_deviation, digits=3),
            "margin": Cell(one.margin, digits=3),
            "nearest (%)": Cell(one.nearest, digits=1),
        }
        for one in found[last]
    ]
    caption = f"Fig. 3: cosine distance from inputs to targets after epoch {last}, mean ± SD over samples"
    return Table(NAME, caption, tuple(rows[0]), rows, DIFFERENCES[scale])
