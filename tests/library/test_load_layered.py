"""Runs of the PyTorch families from the command line predict on new inputs, without their data."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import ctsigprop as ct
from ctsigprop.discrete.training import load_learner
from ctsigprop.library.resuming import check_resumable
from ctsigprop.library.training import train_in
from ctsigprop.runs import DATA, RunFolder
from ctsigprop.settings import DataSettings, LayeredSettings
from ctsigprop.settings.config import CONFIG, settings_from

DISCRETE = {
    "network": {"hidden": [16]},
    "training": {"epochs": 2, "threads": 1, "channels_last": True},
}
SPIKING = {
    "network": {"channels": [4, 4], "units": 16},
    "training": {"epochs": 2, "threads": 1, "batch_size": 32},
}
RUNS = {
    "discrete": ("discrete", DISCRETE),
    "backpropagation": ("discrete", DISCRETE | {"learning": {"algorithm": "bp"}}),
    "currents": ("spiking", SPIKING),
    "spikes": ("spiking", SPIKING | {"network": SPIKING["network"] | {"coding": "latency"}}),
}


@pytest.fixture(scope="module", params=RUNS)
def run(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    family, values = RUNS[request.param]
    settings: LayeredSettings = settings_from({"data": {"limit": 300}} | values, family)
    with RunFolder.create(tmp_path_factory.mktemp("runs") / "run", settings) as folder:
        train_in(folder, settings, quiet=True)
    return folder


def images() -> tuple[np.ndarray, np.ndarray]:
    test = ct.load_dataset("digits").test
    return test.images, test.labels


def no_data(settings: DataSettings) -> None:
    raise AssertionError("the data were read")


def test_predictions_are_those_that_the_run_reported(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = images()
    monkeypatch.setattr("ctsigprop.layered.training.dataset_of", no_data)
    for kind in ("best", "last"):
        loaded = ct.load_run(run.path, kind)
        row = loaded.metrics[run.load_checkpoint(kind)[1]["epoch"] - 1]
        assert 100 * np.mean(loaded.network.predict(x) != y) == pytest.approx(row["test_error"])
        assert loaded.network.outputs(x).shape == (len(x), 10)


def test_a_run_of_version_0_1_reads_its_data(run: RunFolder, tmp_path: Path) -> None:
    old = RunFolder.open(Path(shutil.copytree(run.path, tmp_path / "old")))
    arrays, meta = old.load_checkpoint("best")
    old.save_checkpoint("best", {name: a for name, a in arrays.items() if not name.startswith("standard.")}, meta)
    (old.path / DATA).unlink()
    x, _ = images()
    np.testing.assert_array_equal(ct.load_run(old.path).network.outputs(x), ct.load_run(run.path).network.outputs(x))


def test_inputs_of_another_shape_and_a_learner_are_refused(run: RunFolder) -> None:
    x, _ = images()
    with pytest.raises(ct.InputError, match=r"^x has samples of shape \(8,\): must be \(8, 8\), as in training: .*$"):
        ct.load_run(run.path).network.predict(x[:, 0])
    with pytest.raises(ct.InputError, match=r"^learner: the settings of the run in .* make its network: leave it out$"):
        ct.load_run(run.path, learner=ct.discrete.Backprop([nn.Linear(6, 3)], (6,)))


@pytest.mark.parametrize("algorithm", ["ll-bp", "ll-fa"])
def test_runs_of_earlier_local_losses_are_read_and_neither_asked_nor_gone_on_with(
    algorithm: str, tmp_path: Path
) -> None:
    values = {"data": {"limit": 300}, "learning": {"algorithm": algorithm}} | DISCRETE
    settings: LayeredSettings = settings_from(values, "discrete")
    with RunFolder.create(tmp_path / "run", settings) as folder:
        train_in(folder, settings, quiet=True)
    config = folder.path / CONFIG
    lines = config.read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if "similarity_weight_fa" not in line))
    old = config.read_bytes()
    assert folder.settings() == settings
    words = r"^.*run: was trained by the local losses of an earlier version: train anew$"
    for use in (
        lambda: ct.load_run(folder.path),
        lambda: load_learner(folder),
        lambda: check_resumable(folder, settings),
    ):
        with pytest.raises(ct.InputError, match=words):
            use()
    assert config.read_bytes() == old


@pytest.mark.parametrize("wrong", [np.float32(0), np.float32("nan")])
def test_a_standard_that_is_none_is_refused(run: RunFolder, tmp_path: Path, wrong: np.float32) -> None:
    broken = RunFolder.open(Path(shutil.copytree(run.path, tmp_path / "broken")))
    arrays, meta = broken.load_checkpoint("best")
    arrays["standard.deviation"][:] = wrong
    broken.save_checkpoint("best", arrays, meta)
    with pytest.raises(ct.InputError, match=r"^standard.mean, standard.deviation: must be finite, and above 0: .*$"):
        ct.load_run(broken.path)


def test_state_of_version_0_1_is_taken_over() -> None:
    """It called every optimizer's state that of Adam."""
    learner, other = (ct.discrete.Backprop([nn.Linear(6, 3)], (6,)) for _ in range(2))
    learner.step(torch.ones(4, 6), torch.tensor([0, 1, 2, 0]))
    now = learner.arrays()
    other.load_arrays({name.replace(".optimizer.", ".adam."): array for name, array in now.items()})
    assert other.arrays().keys() == now.keys()
    assert all(np.array_equal(array, now[name]) for name, array in other.arrays().items())
