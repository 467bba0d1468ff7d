"""`ctsigprop reproduce table-1`: time, memory and test error of VGG8b on CIFAR-10, over all layers (Table I)."""

from pathlib import Path
from typing import Any

from ctsigprop.experiments.cli.flags import Values
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.tables import efficiency
from ctsigprop.experiments.paper.tables.efficiency_rows import BEST_EPOCH, MEMORY, TEST_ERROR, TIME, Study
from ctsigprop.experiments.paper.tables.memory_against_depth import memory_against_depth

COLUMNS: dict[str, Values] = {
    "BP": {"learning": {"algorithm": "bp"}},
    "LL-BP": {"learning": {"algorithm": "ll-bp"}},
    "LL-FA": {"learning": {"algorithm": "ll-fa"}},
    "SP": {"learning": {"algorithm": "sp"}},
}
LIMIT, EPOCHS = 10_000, 3

STUDY = Study(
    name="table-1",
    caption="Table I, CIFAR-10, VGG8b: mean over the layers of LL and SP, the whole network of BP [the paper's]",
    columns=COLUMNS,
    ratios=[("LL-BP", "BP"), ("LL-FA", "BP"), ("SP", "BP")],
    layers=False,
    paper={
        TIME: {"BP": (12.29, 0.02), "LL-BP": (8.11, 14.40), "LL-FA": (8.50, 29.86), "SP": (5.91, 7.40)},
        MEMORY: {"BP": (22.00, 0.00), "LL-BP": (8.85, 8.06), "LL-FA": (13.03, 10.61), "SP": (6.19, 1.57)},
        BEST_EPOCH: {"BP": (319, None), "LL-BP": (266, None), "LL-FA": (309, None), "SP": (313, None)},
        TEST_ERROR: {"BP": (5.99, None), "LL-BP": (5.58, None), "LL-FA": (9.02, None), "SP": (8.34, None)},
    },
    schedule={"data": {"limit": LIMIT}, "training": {"epochs": EPOCHS}, **efficiency.READOUT},
    differences=[
        f"test errors of {EPOCHS} epochs on the first {LIMIT:,} training samples: the paper's of 400 on 50,000",
        efficiency.READOUT_DIFFERENCE,
        "CIFAR-10 alone; the paper also has CIFAR-100 and SVHN",
    ],
)
DEPTHS = {"full": (4, 8, 16, 32), "smoke": (4, 8)}


def reproduce(scale: str, output: Path, hardware: Hardware, *, quiet: bool) -> None:
    """Table I, and peak memory against depth; see `efficiency.reproduce`."""

    def extra() -> dict[str, Any]:
        found = memory_against_depth(DEPTHS[scale], hardware, output / "memory-against-depth.png")
        return {"memory_against_depth": found}

    efficiency.reproduce(STUDY, scale, output, hardware, quiet=quiet, extra=extra)
