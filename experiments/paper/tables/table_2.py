"""`ctsigprop reproduce table-2`: time and memory of each layer of VGG8b on CIFAR-10 (Table II)."""

from pathlib import Path

from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.tables import efficiency, table_1
from ctsigprop.experiments.paper.tables.efficiency_rows import MEMORY, TIME, Study, by_layer

STUDY = Study(
    name="table-2",
    caption="Table II, CIFAR-10, VGG8b: time and peak memory of each layer [the paper's]",
    columns={column: table_1.COLUMNS[column] for column in ("LL-BP", "LL-FA", "SP")},
    ratios=[("SP", "LL-BP"), ("SP", "LL-FA")],
    layers=True,
    paper={
        TIME: {
            "LL-BP": by_layer((7.16, 15.80, 9.27, 9.25, 4.93, 7.46, 2.90), (0.04, 0.07, 0.04, 0.30, 0.01, 0.01, 0.00)),
            "LL-FA": by_layer((6.21, 15.15, 7.09, 18.40, 5.66, 3.93, 3.00), (0.03, 0.09, 0.02, 0.06, 0.04, 0.02, 0.00)),
            "SP": by_layer((4.48, 8.95, 10.13, 7.27, 4.71, 3.44, 2.36), (0.05, 0.15, 0.14, 0.25, 0.05, 0.02, 0.03)),
        },
        MEMORY: {
            "LL-BP": by_layer((6.12, 14.50, 9.70, 9.70, 9.70, 6.12, 6.12)),
            "LL-FA": by_layer((10.98, 18.18, 18.18, 10.97, 10.97, 10.98, 10.98)),
            "SP": by_layer((5.67, 9.26, 5.67, 5.67, 5.67, 5.67, 5.67)),
        },
    },
)


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Table II; see `efficiency.reproduce`."""
    efficiency.reproduce(STUDY, scale, output, hardware, quiet=quiet)
