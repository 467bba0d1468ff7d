"""`ctsigprop reproduce table-3`: dense and sparse targets, over all layers of VGG8b(2x) on CIFAR-10 (Table III)."""

from pathlib import Path

from ctsigprop.experiments.cli.flags import Values
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.tables import efficiency
from ctsigprop.experiments.paper.tables.efficiency_rows import BEST_EPOCH, MEMORY, TEST_ERROR, TIME, Study

COLUMNS: dict[str, Values] = {
    name: {"network": {"widen": 2}, "learning": {"algorithm": "sp"}, "target": {"density": name.lower()}}
    for name in ("Dense", "Sparse")
}
LIMIT, EPOCHS = 10_000, 4

STUDY = Study(
    name="table-3",
    caption="Table III, CIFAR-10, VGG8b(2x): dense and sparse targets, mean over the layers [the paper's]",
    columns=COLUMNS,
    ratios=[("Sparse", "Dense")],
    layers=False,
    paper={
        TIME: {"Dense": (14.48, 54.29), "Sparse": (9.56, 29.02)},
        MEMORY: {"Dense": (14.04, 6.39), "Sparse": (10.74, 65.10)},
        BEST_EPOCH: {"Dense": (273, None), "Sparse": (340, None)},
        TEST_ERROR: {"Dense": (7.60, None), "Sparse": (7.71, None)},
    },
    schedule={"data": {"limit": LIMIT}, "training": {"epochs": EPOCHS}, **efficiency.READOUT},
    differences=[
        f"test errors of {EPOCHS} epochs on the first {LIMIT:,} training samples: the paper's of 400 on 50,000",
        efficiency.READOUT_DIFFERENCE,
    ],
)


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Table III; see `efficiency.reproduce`."""
    efficiency.reproduce(STUDY, scale, output, hardware, quiet=quiet)
