"""Which runs Table V takes, in which order, with what settings, and what is cut against the paper."""

from collections.abc import Mapping, Sequence
from typing import Any

from ctsigprop.experiments.cli.flags import Values, merged
from ctsigprop.experiments.paper.hardware import Hardware
from ctsigprop.experiments.paper.plan import Planned
from ctsigprop.experiments.paper.table import Row
from ctsigprop.experiments.paper.tables.errors import SPLIT
from ctsigprop.settings import SpikingSettings
from ctsigprop.settings.config import settings_from
from ctsigprop.settings.discrete import Device
from ctsigprop.settings.spiking import PAPER_NETWORK

MODELS = {
    "bp-surrogate": "BP surrogate",
    "shallow": "shallow",
    "sp-surrogate": "SP surrogate",
    "sp-voltage": "SP voltage",
}
"""The columns with their headings."""

PAPER_EPOCHS = 64
EPOCHS = {"fashion-mnist": 20, "mnist": 24}
"""By row, on a CPU: all that is cut of the training time against the paper is cut here. A GPU takes PAPER_EPOCHS."""

SMOKE_EPOCHS = 2

EPOCHS_PRECISION = {"full": 3, "smoke": 1}
"""Of the runs in float32, and of those in bfloat16 that they are compared with, in the midst of their training."""

PRECISION_MODELS = ("sp-surrogate", "bp-surrogate")
SINGLE = "mnist-float32"


def _row(key: str, dataset: str, errors: Sequence[float]) -> Row:
    return Row(key, {"dataset": dataset}, {model: (error, None) for model, error in zip(MODELS, errors, strict=True)})


ROWS = (
    _row("fashion-mnist", "Fashion-MNIST", (6.70, 16.42, 9.51, 10.68)),
    _row("mnist", "MNIST", (0.84, 7.24, 1.01, 2.63)),
)

SMOKE: Values = {
    "data": {"name": "digits", "limit": 400},
    "network": {"channels": [4, 8], "units": 24},
    "learning": {"rate": 5e-3},
    "training": {"batch_size": 20},
}

_DEFAULTS = SpikingSettings()
_LEARNING = _DEFAULTS.learning
_WIDTHS = "{}-{}-{}"
_CPU, _PAPER = (_WIDTHS.format(*one.channels, one.units) for one in (_DEFAULTS.network, PAPER_NETWORK))
DIFFERENCES = {
    "full": [
        "products in bfloat16, voltages in float32; the paper says automatic mixed precision of 16 bits",
        "also chosen here, for the paper does not say: the hard reset, how targets are drawn, and that layers compare "
        "voltages pooled and averaged over the steps",
        f"a classification layer that learns apart from the hidden layers does so at {_LEARNING.readout_rate:g}; all "
        f"else at the paper's {_LEARNING.rate:g}",
        "dot products are scaled here: the voltage's divided by the root of the number of positions, the surrogate's "
        "not, after 1/2 is taken off the surrogate",
        "one seed",
        SPLIT,
    ],
    "smoke": [
        "a few of scikit-learn's digits in place of every dataset, 4 and 8 channels, 24 units, "
        f"{SMOKE_EPOCHS} epochs: too small to judge"
    ],
}


def differences(scale: str, device: Device) -> list[str]:
    """Return what is cut against the paper or chosen where it is silent."""
    full = [*([_cut()] if device == "cpu" else []), _widths(device)] if scale == "full" else []
    return [*full, *DIFFERENCES[scale]]


def _widths(device: Device) -> str:
    says = "the paper does not give the widths (two convolutions and a fully connected layer)"
    if device == "cuda":
        return f"{says}: {_PAPER} is taken from a public tutorial whose other settings are the paper's"
    return f"{says}: {_CPU} here, for a CPU; on a GPU {_PAPER}"


def _cut() -> str:
    epochs = " and ".join(f"{EPOCHS[row.key]} epochs of {row.words['dataset']}" for row in ROWS)
    return f"{epochs}, in which a cosine takes the rate to zero as in the paper's {PAPER_EPOCHS}"


def plan(scale: str, hardware: Hardware) -> list[Planned[SpikingSettings]]:
    """Return the runs in order: signal propagation first, MNIST before Fashion-MNIST, those in float32 last."""
    models = ("sp-surrogate", "sp-voltage", "bp-surrogate", "shallow")
    single = {"epochs": EPOCHS_PRECISION[scale], "precision": "float32"}
    runs = {
        **{
            (row, model): _settings(row, model, scale, hardware)
            for model in models
            for row in ("mnist", "fashion-mnist")
        },
        **{(SINGLE, model): _settings("mnist", model, scale, hardware, single) for model in PRECISION_MODELS},
    }
    return [Planned(f"{row}-{model}", settings, row, model) for (row, model), settings in runs.items()]


def _settings(
    row: str, model: str, scale: str, hardware: Hardware, training: Mapping[str, Any] | None = None
) -> SpikingSettings:
    whole = EPOCHS[row] if hardware.device == "cpu" else PAPER_EPOCHS
    epochs = SMOKE_EPOCHS if scale == "smoke" else whole
    widths = PAPER_NETWORK if hardware.device == "cuda" else _DEFAULTS.network
    values: Values = {
        "data": {"name": row},
        "network": {"channels": list(widths.channels), "units": widths.units},
        "learning": {"model": model, "half_period": epochs},
        "training": {"epochs": epochs, "precision": "bfloat16", **hardware.training, **(training or {})},
    }
    settings: SpikingSettings = settings_from(merged(values, SMOKE) if scale == "smoke" else values, "spiking")
    return settings
