"""Settings that nothing in a run depends on are those of which its weights do not, and are refused as flags."""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
import torch

from ctsigprop.discrete.rules.learners import learner_for
from ctsigprop.settings import DiscreteSettings
from ctsigprop.settings.config import settings_from

OTHERS: dict[str, dict[str, Any]] = {
    "network": {"hidden": (5, 4), "widen": 2, "activation": "tanh", "batch_norm": False, "dropout": 0.5},
    "learning": {
        "rate": 1e-3,
        "readout_rate": 1e-2,
        "weight_decay": 0.5,
        "similarity_weight": 0.5,
        "similarity_weight_fa": 0.5,
        "target_rate": 0.1,
        "inverse_noise": 0.3,
        "threshold": 2.0,
        "label_strength": 1.0,
    },
    "target": {
        "generator": "target-input",
        "place": "input",
        "weights": "fixed",
        "density": "sparse",
        "size": 3,
        "error_rate": 0.9,
        "loss": "hebbian",
        "similarity": "l2",
        "statistics": "targets",
        "compared": "activations",
        "layer_norm": True,
        "scope": "sample",
        "prediction": "output-target",
    },
}
"""Another value of every setting; what only the rate of later epochs depends on is not seen in two batches."""

SAMPLE: dict[str, Any] = {"scope": "sample"}
RUNS: dict[str, dict[str, Any]] = {
    "sp": {},
    "sparse": {"target": {"density": "sparse"}},
    "output-target": {"target": {"prediction": "output-target"}},
    "conv": {"network": {"architecture": "conv"}},
    "without-dropout": {"network": {"dropout": 0.0}},
    "hebbian": {"target": {"loss": "hebbian"}},
    "hebbian-at-input": {"target": {"loss": "hebbian", "place": "input"}},
    "hebbian-input-at-input": {
        "target": {"loss": "hebbian", "place": "input", "generator": "target-input", **SAMPLE},
    },
    "hebbian-without-statistics": {
        "network": {"batch_norm": False},
        "target": {"loss": "hebbian", "place": "input", "generator": "target-input", **SAMPLE},
    },
    "loop": {"target": {"generator": "target-loop", **SAMPLE}},
    "loop-error": {"target": {"generator": "target-loop-error", **SAMPLE}},
    "without-batch-normalisation": {"network": {"batch_norm": False}},
    "sparse-loop-conv": {
        "network": {"architecture": "conv"},
        "target": {"generator": "target-loop", "density": "sparse", **SAMPLE},
    },
    "one-layer": {"network": {"hidden": (9,)}},
    "one-layer-at-input": {"network": {"hidden": (9,)}, "target": {"place": "input"}},
    "sparse-hebbian-conv-at-input": {
        "network": {"architecture": "conv"},
        "target": {"loss": "hebbian", "place": "input", "generator": "target-input", "density": "sparse", **SAMPLE},
    },
    "bp": {"learning": {"algorithm": "bp"}},
    "dfa": {"learning": {"algorithm": "dfa"}},
    "dtp": {"learning": {"algorithm": "dtp"}},
    "dtp-one-layer": {"network": {"hidden": (9,)}, "learning": {"algorithm": "dtp"}},
    "sg": {"learning": {"algorithm": "sg"}},
    "ff": {"learning": {"algorithm": "ff"}},
    "ll-bp": {"learning": {"algorithm": "ll-bp"}},
    "ll-fa": {"learning": {"algorithm": "ll-fa"}},
    "shallow": {"learning": {"algorithm": "shallow"}},
}


def learned(settings: DiscreteSettings) -> dict[str, bytes]:
    """All parameters after three batches."""
    learner = learner_for(settings, (8, 8), 10)
    images = torch.randn((6, 1, 8, 8), generator=torch.Generator().manual_seed(1))
    for _ in range(3):
        learner.step(images, torch.arange(6))
    return {name: array.tobytes() for name, array in learner.parameter_arrays().items()}


@pytest.mark.parametrize("run", RUNS)
def test_nothing_depends_on_a_setting_that_is_not_used(run: str, assert_inactive_settings: Callable[..., None]) -> None:
    small = {"network": {"hidden": [9, 7]}}
    values = {group: {**small.get(group, {}), **RUNS[run].get(group, {})} for group in OTHERS}
    assert_inactive_settings(settings_from(values, "discrete"), OTHERS, learned)


def test_every_setting_has_another_value() -> None:
    later = {"architecture", "algorithm", "decay", "decay_at"}
    for group, content in OTHERS.items():
        assert {one.name for one in fields(getattr(DiscreteSettings(), group))} - later == content.keys()
