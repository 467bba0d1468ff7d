"""What is measured of a network in training."""

import json
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from ctsigprop.analysis.measures.alignment import sample_angles
from ctsigprop.analysis.measures.displacement import displacement
from ctsigprop.analysis.measures.probe import probe
from ctsigprop.continuous.samples import Samples
from ctsigprop.continuous.trained import Trained
from ctsigprop.core.files import to_json
from ctsigprop.errors import InputError, RunFailure
from ctsigprop.settings import NetworkSettings, NudgingSettings, ProbeSettings, SolverSettings

ANGLES = {
    "sigprop_loop": ["W31 vs W12*W23", "W23 vs W31*W12", "W12 vs W23*W31"],
    "symmetric_ep": ["W12 vs W21", "W23 vs W32"],
    "random_feedback_ep": ["W12 vs W21", "W23 vs W32"],
}


def probed(trained: Trained) -> dict:
    test = trained.data.test
    samples = Samples.of(trained.data, test, trained.network)
    return probe(trained.network, samples.inputs, samples.targets, trained.settings)


@pytest.mark.parametrize("precision", ["float32", "float64"])
@pytest.mark.parametrize("architecture", ANGLES)
def test_it_measures_everything_and_changes_nothing(
    make_trained: Callable[..., Trained], architecture: str, precision: str
) -> None:
    trained = make_trained(network=NetworkSettings(architecture, (8, 6), precision=precision))
    before = {name: values.copy() for name, values in trained.network.parameters().items()}
    found = probed(trained)
    assert json.loads(to_json(found)) == found
    assert found == probed(trained)
    for name, values in trained.network.parameters().items():
        np.testing.assert_array_equal(values, before[name])
    assert found["samples"] == 20
    assert 0 < found["moved"] <= 20
    assert found["unconverged"] == 0
    assert list(found["signals"]) == ANGLES[architecture]
    assert found["gradient"].keys() == before.keys()
    assert all(value.keys() == {"cosine", "norm_ratio"} for value in found["gradient"].values())
    assert all(-1 <= value["cosine"] <= 1 for value in found["gradient"].values() if value["cosine"] is not None)
    assert found["stability"]["loop_gain"] >= 0
    assert found["stability"]["time_constant"] >= 1
    assert 0 <= found["stability"]["oscillating"] <= 1


def test_signals_are_those_of_align(make_trained: Callable[..., Trained]) -> None:
    trained = make_trained(solver=SolverSettings(tolerance=1e-12), nudging=NudgingSettings("random-sign", 0.5))
    expected = sample_angles(trained.network, displacement(trained, 20).rates)
    for name, found in probed(trained)["signals"].items():
        assert found["samples"] == len(expected[name])
        assert found["mean"] == pytest.approx(expected[name].mean())
        assert found["standard_deviation"] == pytest.approx(expected[name].std())


def test_phases_that_do_not_converge_are_counted(make_trained: Callable[..., Trained]) -> None:
    hasty = SolverSettings("sweeps", tolerance=1e-12, max_sweeps=1)
    found = probed(make_trained(solver=hasty))
    assert found["unconverged"] == 20 + found["moved"]


def test_a_network_that_nudging_does_not_move(make_trained: Callable[..., Trained]) -> None:
    trained = make_trained()
    trained.network.connections[2].weight[...] = 0
    trained.network.biases[-1][...] = -100
    found = probed(trained)
    nothing = {"samples": 0, "mean": None, "standard_deviation": None}
    assert found["moved"] == 0
    assert found["signals"] == dict.fromkeys(ANGLES["sigprop_loop"], nothing)
    assert found["gradient"]["W12"] == {"cosine": None, "norm_ratio": None}
    assert found["stability"] == {"loop_gain": 0.0, "time_constant": 1.0, "oscillating": 0.0}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_states_that_are_lost_end_the_run(make_trained: Callable[..., Trained]) -> None:
    trained = make_trained(network=NetworkSettings(hidden=(8, 6), rho="rectifier"))
    for connection in trained.network.connections:
        connection.weight[...] = 1e20
    with pytest.raises(RunFailure, match=r"no longer finite: lower learning\.rates"):
        probed(trained)


@pytest.mark.parametrize("name", ["samples", "early"])
@pytest.mark.parametrize("value", [-1, 2.5, True, "ten"])
def test_wrong_settings_are_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=rf"probe\.{name} = .*: must be a whole number, at least 0"):
        ProbeSettings(**{name: value})
    assert replace(ProbeSettings(), **{name: 7}) != ProbeSettings()
