"""`ctsigprop reproduce table-6`: trains what is missing, and writes the table anew after each run."""

from functools import partial
from pathlib import Path

from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.table import NOTHING, Table
from ctsigprop.experiments.paper.tables.errors import ErrorTable, Found, cell_of, errors_of, reproduce_errors
from ctsigprop.experiments.paper.tables.table_6_claims import all_claims
from ctsigprop.experiments.paper.tables.table_6_plan import ALGORITHMS, DIFFERENCES, ROWS, plan

NAME = "table-6"
CAPTION = (
    "Table VI: test error in percent at the epoch of the smallest validation error, mean and standard deviation over "
    "seeds [the paper's in brackets]"
)
NOT_RUN = "not run"
HEADINGS = {algorithm: algorithm.upper() for algorithm in ALGORITHMS}


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Table VI; see `error_tables.reproduce_errors`."""
    kind = ErrorTable(NAME, HEADINGS, partial(table_of, scale), all_claims)
    reproduce_errors(kind, plan(scale, hardware), scale, output, hardware, quiet=quiet)


def table_of(scale: str, found: Found) -> Table:
    """Table VI, every cell over its seeds.

    Args:
        scale: smoke or full.
        found: metrics of each finished run.
    """
    rows = []
    for row in ROWS:
        missing = NOTHING if row.values else NOT_RUN
        cells = {
            heading: cell_of(errors_of(found, row.key, algorithm), *row.paper[algorithm], missing=missing)
            for algorithm, heading in HEADINGS.items()
        }
        rows.append({"dataset": row.dataset, "network": row.network, **cells})
    return Table(NAME, CAPTION, ("dataset", "network", *HEADINGS.values()), rows, DIFFERENCES[scale])
