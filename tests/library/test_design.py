"""The library of the design, in its own lines: sizes, data and lengths are those that the design leaves open.

Of the values that it gives, `beta` alone is another: centered nudging at beta = 1 takes the whole leak from outputs of
time constant 1, which then have no equilibrium and are refused.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ctsigprop as ct

DATA = """
data = ct.load_dataset("mnist")
data = ct.Dataset.from_file("mine.npz")
data = ct.Dataset.from_arrays(X, y, test=(X_test, y_test))
"""
NETWORKS = """
net = ct.Network.sigprop_loop([784, 500, 500, 10], loops=(1,), rho="hard_sigmoid", seed=0)
net = ct.Network.symmetric([784, 500, 500, 10]);  ct.Network.random_feedback([784, 500, 500, 10])
net = ct.Network(
    layers=[ct.Layer(784), ct.Layer(500, rho=ct.Rho(rate=RATE, slope=SLOPE, bounds=(0, 6))), ct.Layer(500, time_constant=tau), ct.Layer(10, rho="linear")],
    connections=[ct.Dense(0, 1), ct.Dense(1, 2), ct.Dense(2, 3), ct.Dense(0, 2), ct.Dense(2, 2), ct.Dense(3, 1, rate=0.02)],
    cost="squared_error",
)
"""  # noqa: E501
FIT = """
fit = ct.fit(net, data, rule="eq14", beta=BETA, nudging="centered", rates=RATES, optimizer="sgd", solver=ct.Anderson(tolerance=1e-4),
             epochs=EPOCHS, seed=0, callbacks=[ct.Angles(), ct.Gradients(samples=SAMPLES)], run_dir=None)
fit.metrics; fit.summary; fit.network
"""  # noqa: E501
USE = """
net.predict(X_test)
net.outputs(X_test)
net.weights["W12"]
ct.angles(net)
course = ct.simulate(net, X_test[:3], target=y_test[:3], duration=(20.0, 10.0), solver="dopri5", noise=0.0)
run = ct.load_run("runs/mine"); run.network.predict(X); run.metrics; run.settings
"""
SWEEP = 'table = ct.sweep({"nudging.beta": [0.1, 0.5, 1]}, base=BASE, output="sweeps/mine")'


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    y = np.arange(100) % 10
    X = rng.uniform(0, 1, (10, 64))[y] * rng.uniform(0.5, 1, (100, 64))
    np.savez("mine.npz", x=X, y=y)
    return {
        **{"ct": ct, "X": X[:80], "y": y[:80], "X_test": X[80:], "y_test": y[80:], "tau": np.linspace(0.5, 2, 40)},
        **{"RATE": lambda s: min(max(s, 0.0), 6.0), "SLOPE": lambda s: 1.0, "BETA": 0.5, "EPOCHS": 2, "SAMPLES": 10},
        "RATES": [0.1, 0.03, 0.01, 0.1, 0.01, 0.01],
    }


def test_data_networks_fit_and_use(names: dict[str, Any]) -> None:
    here = Path(os.environ.get("CTSIGPROP_DATA", "nowhere"), "mnist").is_dir()
    exec(DATA if here else DATA.replace("mnist", "digits"), names)
    exec(NETWORKS.replace("784", "64").replace("500", "40"), names)
    exec(FIT, names)
    fit, net = names["fit"], names["net"]
    assert fit.summary["epochs"] == len(fit.metrics) == 2
    assert set(net.weights) == {"W01", "W12", "W23", "W02", "W22", "W31"}
    ct.fit(ct.Network.sigprop_loop([64, 20, 10]), names["data"], epochs=1, quiet=True, run_dir="runs/mine")
    exec(USE, names)
    course, run = names["course"], names["run"]
    assert (course.nudged, course.times[-1]) == (20, 30)
    assert [state.shape[1:] for state in course.states] == [(3, 40), (3, 40), (3, 10)]
    np.testing.assert_array_equal(net.predict(names["X_test"]), net.outputs(names["X_test"]).argmax(axis=1))
    assert run.summary["epochs"] == 1


def test_what_has_no_equilibrium_is_refused(names: dict[str, Any]) -> None:
    names |= {"BETA": 1.0, "data": ct.Dataset.from_arrays(names["X"], names["y"])}
    exec(NETWORKS.replace("784", "64").replace("500", "40"), names)
    with pytest.raises(ct.InputError, match=r"nudging\.beta = 1\.0: must be below"):
        exec(FIT, names)


def test_noise_needs_steps_of_one_size_and_an_end() -> None:
    net = ct.Network.sigprop_loop([4, 5, 3])
    x, y = np.zeros((1, 4)), np.array([1])
    with pytest.raises(ct.InputError, match=r"^noise = 0\.1: needs a duration, and one of euler, heun as solver"):
        ct.simulate(net, x, y, noise=0.1)
    noisy, again, quiet = (
        ct.simulate(net, x, y, duration=(2.0, 1.0), solver="heun", noise=noise, seed=3) for noise in (0.1, 0.1, 0.0)
    )
    np.testing.assert_array_equal(noisy.states[0], again.states[0])
    assert not np.allclose(noisy.states[0], quiet.states[0])


def test_sweep(names: dict[str, Any]) -> None:
    small = ct.load_dataset("digits", limit=60)
    fit = ct.fit(ct.Network.sigprop_loop([64, 8, 10]), small, epochs=1, threads=1, quiet=True)
    exec(SWEEP, names | {"BASE": fit.settings})


def test_integrate() -> None:
    def field(t: float, y: Any, dydt: Any, parameters: Any, layout: Any) -> None:
        dydt[:] = -y

    assert ct.integrate(field, np.ones(2), (0, 1)).y == pytest.approx(np.exp(-1), rel=1e-5)
