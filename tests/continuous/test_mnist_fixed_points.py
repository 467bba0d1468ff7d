"""A network trained on real MNIST: its fixed points are where Eq. 13 comes to rest."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from numpy.typing import NDArray

from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Nudge
from ctsigprop.continuous.relaxation import relax
from ctsigprop.continuous.training import draw, train
from ctsigprop.data import CATALOG, load
from ctsigprop.data.files import is_there
from ctsigprop.runs import RunFolder
from ctsigprop.settings import (
    DataSettings,
    LearningSettings,
    NetworkSettings,
    Settings,
    SolverSettings,
    TrainingSettings,
)
from ctsigprop.solvers import Status

SAMPLES = 50


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network with some test images and their one-hot labels."""

    sweeps: LayerSweeps
    inputs: NDArray[np.float64]
    target: NDArray[np.float64]
    test_error: float


@pytest.fixture(scope="module")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = os.environ.get("CTSIGPROP_DATA")
    if not folder or not all(is_there(Path(folder) / "mnist", file.path) for file in CATALOG["mnist"].files):
        pytest.skip(f"the files of mnist are not in $CTSIGPROP_DATA/mnist (CTSIGPROP_DATA is {folder})")
    settings = Settings(
        DataSettings("mnist", limit=2000),
        NetworkSettings(hidden=(64, 40), precision="float64"),
        learning=LearningSettings(rates=(0.8, 0.2, 0.02), feedback_rate=0.05),
        training=TrainingSettings(epochs=2, threads=1),
    )
    with RunFolder.create(tmp_path_factory.mktemp("mnist") / "run", settings) as run:
        summary = train(settings, run, quiet=True)
    data = load("mnist", limit=1)
    network = draw(settings, data)
    network.load(run.load_checkpoint("last")[0])
    inputs = data.test.inputs(np.float64)[:SAMPLES]
    return Trained(LayerSweeps(network), inputs, np.eye(10)[data.test.labels[:SAMPLES]], summary["test_error"])


def test_it_has_learned(mnist: Trained) -> None:
    assert mnist.test_error < 30


@pytest.mark.parametrize("method", ["euler", "dopri5", "sweeps"])
@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_fixed_points_are_where_the_network_comes_to_rest(mnist: Trained, beta: float, method: str) -> None:
    sweeps, drive = mnist.sweeps, mnist.sweeps.drive(mnist.inputs)
    start, nudge = sweeps.at_rest(SAMPLES), None
    if beta:
        start = relax(sweeps, drive, start, SolverSettings(tolerance=1e-10, max_sweeps=2000)).states
        nudge = Nudge(np.full(SAMPLES, beta), mnist.target)
    found = relax(sweeps, drive, start, SolverSettings(tolerance=1e-10, max_sweeps=2000), nudge)
    assert found.status is Status.SUCCESS
    other = relax(sweeps, drive, start, SolverSettings(method, 1e-6, 2000, longest=500.0), nudge)
    assert other.status is Status.SUCCESS
    for one, layer in zip(other.states, found.states, strict=True):
        assert_allclose(one, layer, atol=1e-5)
    assert np.any((found.output > 0) & (found.output < 1))


def test_the_default_tolerance_is_met_in_few_sweeps(mnist: Trained) -> None:
    sweeps, drive = mnist.sweeps, mnist.sweeps.drive(mnist.inputs)
    found = relax(sweeps, drive, sweeps.at_rest(SAMPLES), SolverSettings())
    exact = relax(sweeps, drive, sweeps.at_rest(SAMPLES), SolverSettings(tolerance=1e-10, max_sweeps=2000))
    assert found.status is Status.SUCCESS
    assert found.residual.max() <= 1e-4
    assert found.sweeps.mean() < 10
    assert np.array_equal(found.output.argmax(axis=1), exact.output.argmax(axis=1))
    assert_allclose(found.output, exact.output, atol=1e-2)
