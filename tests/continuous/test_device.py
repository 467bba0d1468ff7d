"""Synapses and neurons that are not ideal."""

from math import log2, sqrt

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import ctsigprop as ct
from ctsigprop.continuous.device import Device, device_of
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.training import network_of
from ctsigprop.errors import InputError
from ctsigprop.settings import NetworkSettings, Settings, SolverSettings
from ctsigprop.settings.device import DeviceSettings

SIZES = (40, 300)


def drawn(architecture: str = "sigprop_loop", **device: float) -> Network:
    network = NetworkSettings(architecture, (200, 100), output_gain=0.3, precision="float64")
    return network_of((64,), 10, Settings(network=network, device=DeviceSettings(**device)))


def test_an_ideal_device_is_none() -> None:
    network = drawn()
    assert network.device is None
    assert device_of(DeviceSettings(noise=0.1), network.connections, 0) is None
    for connection in network.connections:
        assert connection.acting is connection.matrix


def test_what_is_stored_is_the_same_on_any_device() -> None:
    ideal, real = drawn(), drawn(weight_spread=0.2, weight_bits=6, time_constant_spread=0.3)
    for name, array in ideal.parameters().items():
        assert_array_equal(real.parameters()[name], array)


def test_synapses_deliver_what_their_spread_says() -> None:
    network, spread = drawn(weight_spread=0.2), 0.2
    for connection in network.connections:
        ratio = connection.acting / connection.matrix
        assert abs(ratio.mean() - 1) < 4.5 * spread / sqrt(ratio.size)
        assert abs(ratio.std() - spread) < 4.5 * spread / sqrt(2 * ratio.size)


def test_time_constants_are_spread_about_the_nominal_one() -> None:
    network, spread = drawn(time_constant_spread=0.3), 0.3
    logs = np.concatenate([np.log(1 / leak) for leak in network.leaks])
    assert abs(logs.mean()) < 4.5 * spread / sqrt(len(logs))
    assert abs(logs.std() - spread) < 4.5 * spread / sqrt(2 * len(logs))


@pytest.mark.parametrize("bits", [4, 6, 8])
def test_few_bits_deliver_few_values_close_to_what_is_stored(bits: int) -> None:
    network = drawn(weight_bits=bits)
    for connection in network.connections:
        values = np.unique(connection.acting)
        assert len(values) <= 2**bits - 1
        grain = np.diff(values).min()
        assert log2(grain) == round(log2(grain))
        inside = np.abs(connection.matrix) <= values.max()
        assert np.abs(connection.acting - connection.matrix)[inside].max() <= grain / 2


@pytest.mark.parametrize("architecture", ["sigprop_loop", "symmetric_ep", "random_feedback_ep"])
def test_phases_see_what_is_delivered(architecture: str) -> None:
    """They end where those of an ideal network end whose stored weights are those that the device delivers."""
    real = drawn(architecture, weight_spread=0.2, weight_bits=5)
    ideal = drawn(architecture)
    ideal.load(real.parameters() | {one.name: one.acting for one in real.connections})
    inputs, solver = np.random.default_rng(0).random((5, 64)), SolverSettings(tolerance=1e-12)
    ends = []
    for network in (real, ideal):
        sweeps = LayerSweeps(network)
        ends.append(relax(sweeps, sweeps.drive(inputs), sweeps.at_rest(5), solver).states)
    for one, other in zip(*ends, strict=True):
        assert_allclose(one, other, atol=1e-11)


def test_loaded_and_copied_weights_are_delivered() -> None:
    network = drawn(weight_bits=4)
    doubled = {name: 2 * array for name, array in network.parameters().items()}
    copied = network.copy()
    copied.load(doubled)
    for one, other in zip(network.connections, copied.connections, strict=True):
        assert other.delivered is not one.delivered
        assert np.abs(other.acting).sum() > 1.3 * np.abs(one.acting).sum()


def test_rounding_at_random_keeps_the_mean_and_what_is_on_the_grid() -> None:
    device = Device(weight_bits=0, update_bits=5, weight_range=4.0, efficacy={})
    weight = np.random.default_rng(1).uniform(-0.2, 0.2, SIZES)
    total, times = np.zeros(SIZES), 400
    for seed in range(times):
        stored = ct.Dense(0, 1, weight=weight.copy(), ends=(ct.Layer(SIZES[0]), ct.Layer(SIZES[1])))
        device.store(stored, np.random.default_rng(seed))
        total += stored.matrix
    values = np.unique(stored.matrix)
    grain = np.diff(values).min()
    assert np.abs(total / times - weight).max() < 5.5 * grain / 2 / sqrt(times)
    before = stored.matrix.copy()
    device.store(stored, np.random.default_rng(0))
    assert_array_equal(stored.matrix, before)


def test_a_device_learns_what_mismatch_an_update_can_mend() -> None:
    """Unlike synapses and neurons hardly cost accuracy where learning sees them, and much where it did not."""
    data, errors = ct.load_dataset("digits"), {}
    spread = ct.Device(weight_spread=0.5, time_constant_spread=0.3)
    for name, device in (("ideal", ct.Device()), ("seen", spread)):
        run = ct.fit(ct.Network.sigprop_loop([64, 128, 10]), data, epochs=8, device=device, quiet=True)
        errors[name] = run.metrics[-1]["validation_error"]
        if name == "ideal":
            moved = run.network.on_device(device_of(spread, run.network.connections, 1))
            errors["unseen"] = 100 * float((moved.predict(data.validation.images) != data.validation.labels).mean())
    assert errors["seen"] < errors["ideal"] + 5
    assert errors["seen"] < errors["unseen"]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"noise": -1.0}, "device.noise = -1.0: must be a finite number at least 0"),
        ({"weight_bits": 1}, "device.weight_bits = 1: must be 0 for no rounding, or at least 2"),
        ({"update_bits": 40}, "device.update_bits = 40: must be a whole number, at most 24"),
        ({"time_constant_spread": 2.0}, "device.time_constant_spread = 2.0"),
    ],
)
def test_what_no_device_is_is_refused(wrong: dict[str, float], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        DeviceSettings(**wrong)


def test_the_mean_of_the_weights_is_delivered_too() -> None:
    """What is judged in training is what the run's network says afterwards."""
    data = ct.load_dataset("digits", limit=400)
    device = ct.Device(weight_spread=0.3, weight_bits=5)
    run = ct.fit(ct.Network.sigprop_loop([64, 32, 10]), data, epochs=4, average=2, device=device, quiet=True)
    error = 100 * float((run.network.predict(data.test.images) != data.test.labels).mean())
    assert error == pytest.approx(run.summary["test_error"])


def test_a_nudge_that_a_slow_output_does_not_bear_is_refused() -> None:
    network, device = ct.Network.sigprop_loop([64, 32, 10]), ct.Device(time_constant_spread=0.4)
    how = {"beta": 0.9, "nudging": "centered", "device": device, "epochs": 1, "quiet": True}
    with pytest.raises(
        InputError, match=r"nudging\.beta = 0\.9: must be below 0\.\d+, 1 over the largest time constant"
    ):
        ct.fit(network, ct.load_dataset("digits", limit=60), **how)
