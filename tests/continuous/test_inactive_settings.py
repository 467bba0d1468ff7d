"""Settings that nothing in a run depends on are those of which its weights do not."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest

from ctsigprop.continuous.model import ContinuousModel
from ctsigprop.continuous.training import draw
from ctsigprop.data import load
from ctsigprop.settings import Settings
from ctsigprop.settings.config import settings_from

SMALL: dict[str, dict[str, Any]] = {
    "data": {"limit": 60},
    "network": {"hidden": (9, 7), "loops": (1,), "precision": "float64", "output_gain": 0.3},
    "solver": {"tolerance": 1e-3, "max_sweeps": 2, "longest": 60.0, "displacement": 1e-4},
    "nudging": {"beta": 0.5},
    "learning": {"rates": (0.4, 0.2, 0.1), "feedback_rate": 0.2},
    "training": {"batch_size": 20, "threads": 1},
}
OTHERS: dict[str, dict[str, Any]] = {
    "network": {
        "hidden": (9, 8),
        "loops": (2,),
        "rho": "logistic",
        "time_constant": 0.5,
        "output_gain": 0.6,
        "feedback_gain": 0.5,
        "precision": "float32",
        "output_rho": "linear",
        "cost": "cross_entropy",
        "kernel": 5,
        "pool": "avg",
    },
    "solver": {
        "tolerance": 0.1,
        "max_sweeps": 1,
        "start": "zero",
        "step": 0.1,
        "longest": 1.0,
        "rescue": False,
        "displacement": 0.0,
    },
    "nudging": {"kind": "centered", "beta": 0.25},
    "learning": {
        "rates": (0.3, 0.2, 0.1),
        "feedback_rate": 0.3,
        "decay": 0.5,
        "weight_decay": 0.1,
        "fixed": ("W12",),
        "momentum": 0.5,
        "betas": (0.5, 0.9),
        "centred": True,
        "optimizer": "momentum",
    },
}
"""Another value of every setting of which weights could depend."""

RUNS: dict[str, dict[str, dict[str, Any]]] = {
    "loop": {},
    "fixed-loop": {"learning": {"fixed": ("loop",)}},
    "symmetric": {"network": {"architecture": "symmetric_ep"}},
    "random-feedback": {"network": {"architecture": "random_feedback_ep"}},
    "momentum": {"learning": {"optimizer": "momentum", "rates": (0.04, 0.02, 0.01), "feedback_rate": 0.02}},
    "adam": {"learning": {"optimizer": "adam", "rates": (0.01, 0.01, 0.01), "feedback_rate": 0.01}},
    "sweeps": {"solver": {"method": "sweeps"}},
    "rk4": {"solver": {"method": "rk4"}},
    "dopri5": {"solver": {"method": "dopri5"}},
}
DATA = load("digits", limit=60)


def learned(settings: Settings) -> dict[str, bytes]:
    """All weights after two epochs."""
    model = ContinuousModel(draw(settings, DATA), DATA, settings)
    for epoch in (1, 2):
        tally = model.tally()
        for _, batch in model.of_epoch(epoch, tally):
            model.step(batch, tally)
    return {name: array.tobytes() for name, array in model.network.parameters().items()}


@pytest.mark.parametrize("run", RUNS)
def test_nothing_depends_on_a_setting_that_is_not_used(run: str, assert_inactive_settings: Callable[..., None]) -> None:
    values = {group: {**content, **RUNS[run].get(group, {})} for group, content in SMALL.items()}
    assert_inactive_settings(settings_from(values), OTHERS, learned)


def test_every_setting_has_another_value() -> None:
    elsewhere = {"architecture", "method", "average", "layers", "connections", "rule"}
    for group, content in OTHERS.items():
        assert {one.name for one in fields(getattr(Settings(), group))} - elsewhere == content.keys()
