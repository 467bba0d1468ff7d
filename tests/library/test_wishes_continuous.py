"""What a researcher wants of the continuous family, each wish in a few lines of public names."""

from pathlib import Path

import numpy as np
import pytest

import ctsigprop as ct

RNG = np.random.default_rng(0)
Y = RNG.integers(3, size=400)
X = RNG.uniform(0, 40, (3, 6))[Y] + 4 * RNG.normal(size=(400, 6))
SMALL = {"epochs": 12, "quiet": True, "threads": 1}


def chain(*layers: ct.Layer | int, cost: str | ct.Cost = "squared_error") -> ct.Network:
    """6 inputs, the layers, and a loop from the last to the first hidden one."""
    last = len(layers)
    forward = [ct.Dense(layer, layer + 1) for layer in range(last)]
    return ct.Network([6, *layers], [*forward, ct.Dense(last, 1)], cost=cost)


def errors_fall(run: ct.Run) -> bool:
    """Whether the last three epochs' mean error is below that of the first."""
    errors = [row["train_error"] for row in run.metrics]
    return float(np.mean(errors[-3:])) < errors[0]


def test_own_arrays() -> None:
    data = ct.Dataset.from_arrays(X, Y)
    run = ct.fit(ct.Network.sigprop_loop([6, 30, 3]), data, rates=[1, 0.1], **SMALL)
    assert errors_fall(run)


def test_regression() -> None:
    targets = np.stack([np.sin(X[:, 0] / 20), X[:, 1] * X[:, 2] / 1600], axis=1)
    net = chain(ct.Layer(40, rho="tanh"), ct.Layer(2, rho="linear"))
    run = ct.fit(net, ct.Dataset.from_arrays(X, targets), rates=0.1, beta=0.5, **SMALL)
    assert errors_fall(run)
    assert run.network.predict(X[:5]).shape == (5, 2)


def test_autoencoder() -> None:
    x = (X - X.min()) / (X.max() - X.min())
    net = chain(10, ct.Layer(6, rho="linear"))
    run = ct.fit(net, ct.Dataset.from_arrays(x, x), rates=0.05, beta=0.5, **SMALL)
    assert errors_fall(run)


@pytest.mark.parametrize(
    "connections",
    [
        pytest.param([ct.Dense(0, 2), ct.Dense(3, 1)], id="skip"),
        pytest.param([ct.Dense(2, 2, gain=0.3), ct.Dense(3, 1)], id="lateral"),
        pytest.param([ct.Dense(2, 1)], id="feedback-from-a-hidden-layer"),
        pytest.param([ct.Dense(3, 1), ct.Dense(3, 2), ct.Dense(2, 1)], id="several-loops"),
        pytest.param([], id="no-feedback-at-all"),
    ],
)
def test_any_graph(connections: list[ct.Dense]) -> None:
    forward = [ct.Dense(0, 1), ct.Dense(1, 2), ct.Dense(2, 3)]
    net = ct.Network([6, 20, 15, 3], [*forward, *connections])
    run = ct.fit(net, ct.Dataset.from_arrays(X, Y), rates=0.1, **SMALL)
    assert errors_fall(run)
    assert set(run.network.weights) == set(net.weights)


def test_a_time_constant_of_each_neuron() -> None:
    tau = np.linspace(0.5, 3, 30)
    net = chain(ct.Layer(30, time_constant=tau), 3)
    run = ct.fit(net, ct.Dataset.from_arrays(X, Y), rates=[1, 0.1, 0.1], **SMALL)
    assert errors_fall(run)
    np.testing.assert_allclose(run.network.layers[1].time_constant, tau)


def test_own_rho() -> None:
    relu6 = ct.Rho(rate=lambda s: min(max(s, 0.0), 6.0), slope=lambda s: 1.0, bounds=(0, 6), name="relu6")
    net = chain(ct.Layer(30, rho=relu6), ct.Layer(3, rho="linear"))
    run = ct.fit(net, ct.Dataset.from_arrays(X, Y), rates=[1, 0.03, 0.03], **SMALL)
    assert errors_fall(run)


def test_cross_entropy() -> None:
    net = chain(30, ct.Layer(3, rho="linear"), cost="cross_entropy")
    assert errors_fall(ct.fit(net, ct.Dataset.from_arrays(X, Y), rates=[1, 0.1, 0.1], **SMALL))


def test_own_cost() -> None:
    fourth = ct.Cost(lambda o, d: ((o - d) ** 4).sum(axis=1) / 4, lambda o, d: (o - d) ** 3, "fourth", curvature=3.0)
    net = chain(30, 3, cost=fourth)
    assert errors_fall(ct.fit(net, ct.Dataset.from_arrays(X, Y), rates=[1, 0.1, 0.1], **SMALL))


def test_own_rule() -> None:
    def centred(connection: ct.Dense, batch: ct.Correlations) -> list[tuple[np.ndarray, np.ndarray]]:
        pre = batch.free[connection.source]
        return [(pre - pre.mean(axis=0), batch.change[connection.target - 1])]

    rule = ct.Rule(centred, name="centred")
    assert errors_fall(ct.fit(chain(30, 3), ct.Dataset.from_arrays(X, Y), rule=rule, rates=[1, 0.3, 0.1], **SMALL))


def test_adam() -> None:
    net = chain(30, 3)
    assert errors_fall(ct.fit(net, ct.Dataset.from_arrays(X, Y), optimizer="adam", rates=0.01, **SMALL))


def test_predictions_from_raw_inputs(tmp_path: Path) -> None:
    data = ct.Dataset.from_arrays(X, Y, test=(X[:60], Y[:60]))
    run = ct.fit(ct.Network.sigprop_loop([6, 30, 3]), data, rates=[1, 0.1], run_dir=tmp_path / "run", **SMALL)
    again = ct.load_run(tmp_path / "run")
    wrong = 100 * np.mean(again.network.predict(X[:60]) != Y[:60])
    assert wrong == pytest.approx(run.summary["test_error"])


def test_a_callback_that_stops_early() -> None:
    class EnoughAfterTwo(ct.Callback):
        def after_epoch(self, moment: ct.Moment) -> None:
            if moment.epoch == 2:
                moment.stop()

    run = ct.fit(chain(10, 3), ct.Dataset.from_arrays(X, Y), callbacks=[EnoughAfterTwo()], rates=0.1, **SMALL)
    assert len(run.metrics) == 2


def test_angles_after_each_epoch() -> None:
    seen = []

    class Watch(ct.Callback):
        def after_epoch(self, moment: ct.Moment) -> None:
            seen.append(ct.angles(moment.model.network))

    run = ct.fit(chain(10, 8, 3), ct.Dataset.from_arrays(X, Y), callbacks=[Watch()], rates=0.1, **SMALL)
    assert seen == [row["angles"] for row in run.metrics]
    assert list(seen[0]) == ["W31 vs W12*W23", "W23 vs W31*W12", "W12 vs W23*W31"]
