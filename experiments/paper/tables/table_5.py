"""`ctsigprop reproduce table-5`: trains what is missing, and writes the table anew after each run."""

from functools import partial
from pathlib import Path

from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.table import Cell, Line, Table
from ctsigprop.experiments.paper.tables.errors import AnyPlanned, ErrorTable, Found, lines_of, reproduce_errors
from ctsigprop.experiments.paper.tables.table_5_claims import all_claims
from ctsigprop.experiments.paper.tables.table_5_plan import (
    EPOCHS_PRECISION,
    MODELS,
    PRECISION_MODELS,
    ROWS,
    SINGLE,
    differences,
    plan,
)
from ctsigprop.runs import RunFolder
from ctsigprop.settings.discrete import Device

NAME = "table-5"
CAPTION = (
    "Table V: test error in percent at the epoch of the smallest validation error [the paper's in brackets]; below, "
    "at one epoch in either precision"
)


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Table V with its bar chart, float32 beside bfloat16, and firing rates; see `errors.reproduce_errors`."""
    table = partial(table_of, scale, hardware.device)
    kind = ErrorTable(NAME, MODELS, table, all_claims, keys, more=firing_rates, draw=draw)
    reproduce_errors(kind, plan(scale, hardware), scale, output, hardware, quiet=quiet)


def table_of(scale: str, device: Device, found: Found) -> Table:
    """Return Table V, and what 16 bits cost.

    Args:
        scale: smoke or full.
        device: that trains.
        found: metrics of each finished run.
    """
    lines = [*lines_of(ROWS, MODELS, found), *_precision_lines(EPOCHS_PRECISION[scale], found)]
    return Table(NAME, CAPTION, ("dataset", *MODELS.values()), lines, differences(scale, device))


def keys(one: AnyPlanned) -> dict[str, str | int]:
    """Return the row and model of a run."""
    return {"row": one.row, "model": one.column}


def _precision_lines(epoch: int, found: Found) -> list[Line]:
    """Return errors on MNIST after an epoch in float32 and in bfloat16, and the second less the first in points."""
    single, half = (
        {one.column: rows[epoch - 1]["test_error"] for one, rows in found.items() if one.row == row}
        for row in (SINGLE, "mnist")
    )
    both = {model: half[model] - single[model] for model in PRECISION_MODELS if model in single and model in half}
    rows = {
        f"MNIST, epoch {epoch}, float32": single,
        f"MNIST, epoch {epoch}, bfloat16": half,
        "bfloat16 less float32, points": both,
    }
    return [
        {"dataset": name, **{MODELS[model]: Cell(errors.get(model)) for model in PRECISION_MODELS}}
        for name, errors in rows.items()
    ]


def draw(table: Table, output: Path) -> None:
    """Write the errors of both datasets as bars beside the paper's, table-5.png."""
    from ctsigprop.analysis.plots.error_bars import error_bars
    from ctsigprop.analysis.plots.style import save, styled

    panels = {
        str(line["dataset"]): {
            heading: (cell.measured, cell.paper) for heading, cell in line.items() if isinstance(cell, Cell)
        }
        for line in table.rows[: len(ROWS)]
    }
    with styled():
        save(error_bars(panels), output / f"{NAME}.png")


def firing_rates(folder: Path) -> dict[str, dict[str, float]]:
    """Return mean spikes of a neuron in a step, by layer, at a run's best epoch over its first test samples."""
    from ctsigprop.spiking.monitor.samples import ImageSamples, account_for
    from ctsigprop.spiking.trained import load_trained

    trained = load_trained(RunFolder.open(folder))
    account, _ = account_for(trained, ImageSamples(trained))
    return {"firing_rates": {one.layer: one.rate for one in account.firing()}}
