"""Which runs are set beside one another: by the loop's rate, by beta, by what an update is made of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ctsigprop.experiments.cli.flags import Values, config_path, merged
from ctsigprop.settings import Settings
from ctsigprop.settings.config import read_values, settings_from

CONFIG = "fashion-mnist"
LOOP_RATE, RATES = 0.02, (0.4, 0.1, 0.01)
"""Of the first release, for beta = 0.5."""
LEARNS = 25.0
"""Factor on LOOP_RATE at which the loop is called learned: it moves by a third of its norm and more."""

PLAIN: Values = {"network": {"output_gain": 0.3}}
BEST: Values = {"network": {"output_gain": 0.0}, "learning": {"centred": True}}

VARIANTS: dict[str, Values] = {
    "first release: outputs drawn": PLAIN,
    "outputs from zero": {"network": {"output_gain": 0.0}},
    "centred": merged(PLAIN, {"learning": {"centred": True}}),
    "both": BEST,
    "both, a loop that learns": merged(BEST, {"learning": {"feedback_rate": LEARNS * LOOP_RATE}}),
    "both, loops into every layer": merged(BEST, {"network": {"loops": [1, 2]}}),
    "both, weight decay": merged(BEST, {"learning": {"weight_decay": 0.001}}),
    "both, rates normalised (Adam)": merged(
        BEST, {"learning": {"optimizer": "adam", "rates": [], "feedback_rate": None}}
    ),
}
LOOP_FACTORS = (0.0, 1.0, 5.0, 10.0, 25.0, 50.0)
BETAS = (0.1, 0.2, 0.5, 1.0, 2.0)


@dataclass(frozen=True)
class Scale:
    """How large the comparison is.

    Attributes:
        shared: settings of all runs.
        widths: of both hidden layers, and the factors on the loop's rate that are tried there; variants and betas are
            tried at the first.
        seeds: of each cell.
        betas: that are tried.
    """

    shared: Values
    widths: dict[int, Sequence[float]]
    seeds: Sequence[int]
    betas: Sequence[float]


SCALES = {
    "full": Scale(
        {"data": {"limit": 10_000}, "training": {"epochs": 8}, "probe": {"samples": 200, "early": 5}},
        {500: LOOP_FACTORS, 1500: (0.0, LEARNS)},
        (0, 1, 2),
        BETAS,
    ),
    "smoke": Scale(
        {"data": {"limit": 500}, "training": {"epochs": 1}, "probe": {"samples": 20, "early": 2}},
        {32: (0.0, 25.0)},
        (0,),
        (0.5,),
    ),
}
DIFFERENCES = {
    "full": [
        "10,000 images and 8 epochs, the paper's Fig. 4 has 50,000 and 60: small enough for every axis and seed",
        "rates are those of the first release, in proportion to 1 + beta; the paper states none",
    ],
    "smoke": ["500 images, one epoch, hidden layers of 32, one seed: too small to judge"],
}


@dataclass(frozen=True)
class Trial:
    """One run.

    Attributes:
        axis: loop rate, beta or variant.
        value: the factor on the loop's rate, beta, or the variant in words.
        width: of both hidden layers.
        settings: of the run.
    """

    axis: str
    value: float | str
    width: int
    settings: Settings

    @property
    def label(self) -> str:
        """Name of the run's folder."""
        value = list(VARIANTS).index(self.value) if isinstance(self.value, str) else f"{self.value:g}"
        return f"{self.axis.replace(' ', '-')}-{value}-{self.width}-seed-{self.settings.training.seed}"


def plan(scale: str, threads: int) -> Iterator[Trial]:
    """Return the runs in order: variants, betas, rates of the loop."""
    chosen = SCALES[scale]
    first = next(iter(chosen.widths))
    base = merged(read_values(config_path(CONFIG)), chosen.shared)
    asked: list[tuple[str, float | str, int, Values]] = []
    asked += [("variant", words, first, values) for words, values in VARIANTS.items()]
    asked += [("beta", beta, first, _beta(beta)) for beta in chosen.betas]
    for width, factors in chosen.widths.items():
        asked += [("loop rate", factor, width, _loop(factor)) for factor in factors]
    for axis, value, width, values in asked:
        for seed in chosen.seeds:
            own: Values = {"network": {"hidden": [width, width]}, "training": {"seed": seed, "threads": threads}}
            yield Trial(axis, value, width, settings_from(merged(merged(base, own), values)))


def _loop(factor: float) -> Values:
    rate = {"feedback_rate": factor * LOOP_RATE} if factor else {"fixed": ["loop"]}
    return merged(BEST, {"learning": rate})


def _beta(beta: float) -> Values:
    step = (1 + beta) / 1.5
    learning = {"rates": [step * rate for rate in RATES], "feedback_rate": step * LEARNS * LOOP_RATE}
    return merged(merged(BEST, {"learning": learning}), {"nudging": {"beta": beta}})
