"""`ctsigprop reproduce table-6`: trains what is missing, and writes the table anew after each run."""

from functools import partial
from pathlib import Path

from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.table import Table
from ctsigprop.experiments.paper.tables.errors import AnyPlanned, ErrorTable, Found, lines_of, reproduce_errors
from ctsigprop.experiments.paper.tables.table_6_claims import all_claims
from ctsigprop.experiments.paper.tables.table_6_plan import ALGORITHMS, DIFFERENCES, ROWS, plan

NAME = "table-6"
CAPTION = (
    "Table VI: test error in percent at the epoch of the smallest validation error, mean and standard deviation over "
    "seeds [the paper's in brackets]"
)
HEADINGS = {algorithm: algorithm.upper() for algorithm in ALGORITHMS}


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Table VI; see `errors.reproduce_errors`."""
    kind = ErrorTable(NAME, HEADINGS, partial(table_of, scale), all_claims, keys)
    reproduce_errors(kind, plan(scale, hardware), scale, output, hardware, quiet=quiet)


def table_of(scale: str, found: Found) -> Table:
    """Return Table VI, every cell over its seeds.

    Args:
        scale: smoke or full.
        found: metrics of each finished run.
    """
    lines = lines_of(ROWS, HEADINGS, found)
    return Table(NAME, CAPTION, ("dataset", "network", *HEADINGS.values()), lines, DIFFERENCES[scale])


def keys(one: AnyPlanned) -> dict[str, str | int]:
    """Return the row, algorithm and seed of a run."""
    return {"row": one.row, "algorithm": one.column, "seed": one.settings.training.seed}
