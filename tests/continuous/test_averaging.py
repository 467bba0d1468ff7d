"""The running mean of the weights: against means taken in NumPy, and in runs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from ctsigprop.continuous.architectures import build
from ctsigprop.continuous.epoch import outputs_of
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.learning.averaging import TAKEN, take_into
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.samples import Samples
from ctsigprop.continuous.training import draw, train
from ctsigprop.data import load
from ctsigprop.runs import RunFolder
from ctsigprop.runs.callbacks import Callback, Moment
from ctsigprop.settings import DataSettings, LearningSettings, NetworkSettings, Settings, TrainingSettings

BATCHES = 12
RATES = {"rates": (0.4, 0.05), "feedback_rate": 0.05}


def averaged(average: float, **training: Any) -> Settings:
    return Settings(
        DataSettings("digits", limit=230),
        NetworkSettings(hidden=(16,)),
        learning=LearningSettings(**RATES, average=average),
        training=TrainingSettings(**{"epochs": 3, "batch_size": 20, "threads": 1} | training),
    )


def drawn(seed: int) -> Network:
    settings = NetworkSettings(hidden=(3,), precision="float64")
    return build(4, 2, settings, LearningSettings(**RATES), np.random.default_rng(seed))


def weights_over(count: int) -> list[dict[str, np.ndarray]]:
    """`count` draws of the weights of one network."""
    return [drawn(seed).parameters() for seed in range(count)]


def mean_of(draws: list[dict[str, np.ndarray]], horizon: float) -> dict[str, np.ndarray]:
    network, mean = drawn(0), drawn(99)
    for taken, weights in enumerate(draws):
        network.load(weights)
        take_into(mean, network, taken, horizon)
    return mean.parameters()


def test_up_to_the_horizon_it_is_the_mean() -> None:
    draws = weights_over(7)
    for name, array in mean_of(draws, horizon=7).items():
        assert_allclose(array, np.mean([weights[name] for weights in draws], axis=0), rtol=1e-13, atol=1e-15)


def test_after_the_horizon_it_forgets_exponentially() -> None:
    draws = weights_over(12)
    horizon = 4
    shares = np.array([1 / horizon] * horizon + [0.0] * 8)
    for late in range(horizon, 12):
        shares *= 1 - 1 / horizon
        shares[late] = 1 / horizon
    for name, array in mean_of(draws, horizon).items():
        assert_allclose(array, sum(s * w[name] for s, w in zip(shares, draws, strict=True)), rtol=1e-13, atol=1e-15)


def test_a_horizon_within_one_taking_is_the_network_itself() -> None:
    draws = weights_over(5)
    for name, array in mean_of(draws, horizon=0.3).items():
        assert_allclose(array, draws[-1][name], rtol=1e-14)


def test_a_copy_shares_nothing() -> None:
    network = drawn(0)
    own = network.copy()
    for name, array in own.parameters().items():
        assert_array_equal(array, network.parameters()[name])
        assert not np.shares_memory(array, network.parameters()[name])
    assert (own.layers, own.cost) == (network.layers, network.cost)


def test_the_mean_is_judged_and_kept_and_the_network_learns_as_without_it(tmp_path: Path) -> None:
    runs = {}
    for average in (0.0, 1.5):
        settings = averaged(average)
        with RunFolder.create(tmp_path / str(average), settings) as runs[average]:
            train(settings, runs[average], quiet=True)
    plain, _ = runs[0.0].load_checkpoint("last")
    last, meta = runs[1.5].load_checkpoint("last")
    best, at = runs[1.5].load_checkpoint("best")
    for name, array in plain.items():
        assert_array_equal(last[name], array, err_msg=name)
    data = load("digits", limit=230)
    for weights, epoch in ((best, at["epoch"]), ({name: last[f"mean {name}"] for name in best}, meta["epoch"])):
        network = draw(settings, data)
        network.load(weights)
        for part in ("validation", "test"):
            samples = Samples.of(data, getattr(data, part), network)
            outputs = outputs_of(LayerSweeps(network), samples.inputs, settings.solver)
            error = runs[1.5].metrics()[epoch - 1][f"{part}_error"]
            assert outputs.error_of(samples) == pytest.approx(error, abs=1e-9)
    assert any(not np.array_equal(last[f"mean {name}"], last[name]) for name in best)


def test_the_mean_over_the_first_epoch_is_that_of_every_update(tmp_path: Path) -> None:
    """The run of twelve batches takes the weights into the mean after each of them."""
    assert BATCHES < TAKEN
    settings = averaged(1, epochs=1)
    seen: list[dict[str, np.ndarray]] = []

    class Watch(Callback):
        def before_batch(self, moment: Moment) -> None:
            seen.append({name: array.copy() for name, array in moment.model.network.parameters().items()})

        after_epoch = before_batch

    with RunFolder.create(tmp_path / "run", settings) as run:
        train(settings, run, quiet=True, callbacks=[Watch()])
    last, _ = run.load_checkpoint("last")
    after = seen[1:]  # the last of them was seen at the epoch's end
    assert len(after) == BATCHES
    for name in seen[0]:
        assert_allclose(
            last[f"mean {name}"], np.mean([weights[name] for weights in after], axis=0), rtol=1e-4, atol=1e-6
        )
