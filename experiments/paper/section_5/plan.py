"""Which runs the table takes: two datasets, a loop that learns and one that is fixed, depths, rules, several seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from ctsigprop.experiments.cli.flags import Values, config_path, merged
from ctsigprop.experiments.paper.plan import Planned
from ctsigprop.settings import Settings
from ctsigprop.settings.config import read_values, settings_from


@dataclass(frozen=True)
class Kind:
    """A row of the table.

    Attributes:
        config: of its runs.
        changes: to it.
        seeds: of its runs.
    """

    config: str
    changes: Values = field(default_factory=dict)
    seeds: Sequence[int] = range(5)


FIXED: Values = {"learning": {"fixed": ["loop"]}}


def _by(rule: str) -> Values:
    """MNIST at width 500 by Eq. 14 or by the exact gradient, at the rates that serve both best on validation."""
    return {
        "network": {"hidden": [500, 500]},
        "learning": {"rule": rule, "rates": [3.0, 1.0, 0.008], "decay": 0.9},
        "training": {"epochs": 12, "keep": []},
    }


def _deep(layers: int) -> Values:
    """MNIST at width 500: the rates between the first and the last fall geometrically."""
    first, last = 0.6, 0.008
    middle = [0.2] if layers == 2 else [round(0.2 * 0.5**place, 4) for place in range(layers - 1)]
    return {
        "network": {"hidden": [500] * layers},
        "learning": {"rates": [first, *middle, last]},
        "training": {"epochs": 12, "keep": []},
    }


KINDS: dict[str, dict[str, Kind]] = {
    "full": {
        "mnist": Kind("mnist", {"training": {"epochs": 25, "keep": []}}),
        "mnist-fixed": Kind("mnist", merged(FIXED, {"training": {"epochs": 25, "keep": []}})),
        "fashion-mnist": Kind("fashion-mnist", {"training": {"epochs": 30}}),
        "fashion-mnist-fixed": Kind("fashion-mnist", merged(FIXED, {"training": {"epochs": 30}})),
        "mnist-three-layers": Kind("mnist-three-layers", seeds=(0,)),
        **{f"mnist-500-depth-{layers}": Kind("mnist", _deep(layers), (0,)) for layers in range(2, 7)},
        **{f"mnist-500-{rule}": Kind("mnist", _by(rule), (0, 1, 2)) for rule in ("eq14", "exact")},
    },
    "smoke": {
        name: Kind(
            config,
            merged(
                changes,
                {"data": {"limit": 500}, "network": {"hidden": [32, 32]}, "training": {"epochs": 1, "keep": []}},
            ),
            (0, 1),
        )
        for name, config, changes in (("mnist", "mnist", {}), ("mnist-fixed", "mnist", FIXED))
    },
}
DIFFERENCES = {
    "full": [
        "two layers of 1500: 25 epochs of MNIST and 30 of Fashion-MNIST, the paper has 60; layers of 500: 12 epochs",
        "outputs begin at 0, and errors are measured with the mean of the weights over two epochs",
        "the paper states no rates, batch size, beta or initial weights, and no seeds",
    ],
    "smoke": ["500 images, one epoch, hidden layers of 32, two seeds: too small to judge"],
}


def plan(scale: str, threads: int) -> list[Planned[Settings]]:
    """Return the runs in order, seed by seed of each row."""
    runs = []
    for row, kind in KINDS[scale].items():
        base = merged(read_values(config_path(kind.config)), kind.changes)
        for seed in kind.seeds:
            settings = settings_from(merged(base, {"training": {"seed": seed, "threads": threads}}))
            runs.append(Planned(f"{row}-seed-{seed}", settings, row=row))
    return runs
