"""`ctsigprop reproduce table-4`: dense and sparse targets, each layer of VGG8b(2x) on CIFAR-10 (Table IV)."""

from pathlib import Path

from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.tables import efficiency, table_3
from ctsigprop.experiments.paper.tables.efficiency_rows import MEMORY, TIME, Study, by_layer

STUDY = Study(
    name="table-4",
    caption="Table IV, CIFAR-10, VGG8b(2x): time and peak memory of each layer, dense and sparse [the paper's]",
    columns=table_3.COLUMNS,
    ratios=[("Sparse", "Dense")],
    layers=True,
    paper={
        TIME: {
            "Dense": by_layer(
                (12.85, 21.51, 18.81, 25.30, 9.69, 8.11, 5.06), (5.66, 9.31, 5.50, 12.97, 1.86, 3.16, 1.61)
            ),
            "Sparse": by_layer(
                (7.42, 19.70, 9.30, 14.19, 8.84, 5.24, 2.25), (0.79, 0.18, 0.39, 0.12, 0.11, 0.08, 0.07)
            ),
        },
        MEMORY: {
            "Dense": by_layer((12.99, 20.23, 13.02, 13.02, 13.02, 13.02, 12.99)),
            "Sparse": by_layer((6.34, 27.53, 9.41, 15.99, 9.10, 6.15, 0.68)),
        },
    },
)


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Table IV; see `efficiency.reproduce`."""
    efficiency.reproduce(STUDY, scale, output, hardware, quiet=quiet)
