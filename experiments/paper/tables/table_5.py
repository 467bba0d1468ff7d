"""`ctsigprop reproduce table-5`: trains what is missing, and writes the table anew after each run."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.table import Cell, Table
from ctsigprop.experiments.paper.tables.errors import ErrorTable, Found, cell_of, errors_of, reproduce_errors
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
    """Table V with its bar chart, float32 beside bfloat16, and firing rates; see `error_tables.reproduce_errors`."""
    table = partial(table_of, scale, hardware.device)
    kind = ErrorTable(NAME, MODELS, table, all_claims, more=firing_rates, draw=draw)
    reproduce_errors(kind, plan(scale, hardware), scale, output, hardware, quiet=quiet)


def table_of(scale: str, device: Device, found: Found) -> Table:
    """Table V, and what 16 bits cost.

    Args:
        scale: smoke or full.
        device: that trains.
        found: metrics of each finished run.
    """
    rows: list[dict[str, Any]] = [
        {
            "dataset": row.dataset,
            **{
                heading: cell_of(errors_of(found, row.key, model), row.paper[model])
                for model, heading in MODELS.items()
            },
        }
        for row in ROWS
    ]
    rows += _precision_rows(EPOCHS_PRECISION[scale], found)
    return Table(NAME, CAPTION, ("dataset", *MODELS.values()), rows, differences(scale, device))


def _precision_rows(epoch: int, found: Found) -> list[dict[str, Any]]:
    """Errors on MNIST after an epoch in float32 and in bfloat16, and the second less the first in points."""
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
    """Writes the errors of both datasets as bars beside the paper's, table-5.png."""
    from ctsigprop.analysis.plots.error_bars import error_bars
    from ctsigprop.analysis.plots.style import save, styled

    panels = {
        row["dataset"]: {heading: (row[heading].measured, row[heading].paper) for heading in MODELS.values()}
        for row in table.rows[: len(ROWS)]
    }
    with styled():
        save(error_bars(panels), output / f"{NAME}.png")


def firing_rates(folder: Path) -> Mapping[str, Any]:
    """Mean spikes of a neuron in a step, by layer, at the best epoch over the first test samples of a finished run."""
    from ctsigprop.spiking.monitor.samples import ImageSamples, account_for
    from ctsigprop.spiking.trained import load_trained

    trained = load_trained(RunFolder.open(folder))
    account, _ = account_for(trained, ImageSamples(trained))
    return {"firing_rates": {one.layer: one.rate for one in account.firing()}}
