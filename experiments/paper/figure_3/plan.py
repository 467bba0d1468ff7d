"""Which run Fig. 3 is drawn from, and how it differs from the paper."""

from ctsigprop.experiments.cli.flags import Values, merged
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.config import settings_from

COMMON: Values = {
    "network": {"batch_norm": False, "dropout": 0.0},
    "target": {"place": "input"},
}
SCALES: dict[str, Values] = {
    "full": {
        "data": {"name": "mnist"},
        "network": {"hidden": [800] * 4},
        "training": {"epochs": 10, "keep": [1, 2, 5, 10]},
    },
    "smoke": {
        "data": {"name": "digits"},
        "network": {"hidden": [64] * 4},
        "learning": {"rate": 5e-3},
        "training": {"epochs": 20, "batch_size": 32, "keep": [1, 2, 5, 10, 20]},
    },
}
SAMPLES = 1000

PAPER = (
    "drawn by hand, without numbers: each layer brings the inputs and the learning signal of a class closer together"
)
DIFFERENCES = {
    "full": [
        "the paper's figure is a sketch of two classes: measured here are all ten of MNIST, by the cosine distance",
        "the paper names no network for it: here 4 hidden layers of 800 units, 10 epochs, one seed",
    ],
    "smoke": [
        "the paper's figure is a sketch of two classes: measured here are all ten of scikit-learn's digits",
        "the paper names no network for it: here 4 hidden layers of 64 units, 20 epochs, one seed",
    ],
}


def plan(scale: str, hardware: Hardware) -> DiscreteSettings:
    """Return the settings of the run at a scale of SCALES."""
    values = merged(merged(COMMON, SCALES[scale]), {"training": hardware.training})
    settings: DiscreteSettings = settings_from(values, "discrete")
    return settings
