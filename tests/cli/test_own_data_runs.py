"""`ctsigprop train --data.file`: a run on data of one's own in each family, and the commands that read such a run."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ctsigprop.data import Dataset, load
from ctsigprop.experiments.cli import main
from ctsigprop.runs import RunFolder
from ctsigprop.runs.data_record import DataRecord, record_of

Command = Callable[..., Any]
Refuse = Callable[..., None]

SMALL = ("--training.epochs", "1", "--training.threads", "1", "--quiet")
FAMILIES = {
    "continuous": ("--network.hidden", "[8]"),
    "discrete": ("--family", "discrete", "--network.hidden", "[8]"),
    "spiking": ("--family", "spiking", "--network.channels", "[2,3]", "--network.units", "6"),
}
READERS = {"continuous": (("simulate", "run"), ("align", "run")), "discrete": (), "spiking": (("spikes", "run"),)}


def save(path: Path, seed: int = 0, shape: tuple[int, ...] = (8, 8)) -> None:
    """Digits as floats from -1 to 3."""
    digits = load("digits")
    rows = np.random.default_rng(seed).permutation(len(digits.test))[:120]
    np.savez(path, x=digits.test.images[rows].reshape(120, *shape) / 4 - 1, y=digits.test.labels[rows])


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_knows_its_data_and_refuses_others(
    family: str, ctsigprop: Command, refused: Refuse, tmp_path: Path
) -> None:
    save(Path("mine.npz"))
    answer = ctsigprop("train", *FAMILIES[family], *SMALL, "--data.file", "mine.npz", "--run-dir", "run")
    assert answer.status == 0, answer.err
    run = RunFolder.open(Path("run"))
    assert run.settings().data.file == str(tmp_path / "mine.npz")
    assert run.settings().title.startswith("mine-")
    assert record_of(run) == DataRecord.of(Dataset.from_file("mine.npz"))
    for command in READERS[family]:
        answer = ctsigprop(*command)
        assert answer.status == 0, answer.err
    more = ("train", "--resume", "--run-dir", "run", "--training.epochs", "2", "--quiet")
    before = {path.name: path.read_bytes() for path in Path("run").iterdir() if path.is_file()}
    Path("mine.npz").rename("moved.npz")
    refused([*more], f"{tmp_path / 'mine.npz'}: cannot be read (No such file or directory): give an NPZ file")
    save(Path("mine.npz"), seed=1)
    for command in (more, *READERS[family]):
        refused([*command], f"{tmp_path / 'mine.npz'}: has fingerprint")
    save(Path("mine.npz"), shape=(4, 16))
    refused([*more], f"{tmp_path / 'mine.npz'}: shape is (4, 16), and of the data that the run learned (8, 8)")
    assert {path.name: path.read_bytes() for path in Path("run").iterdir() if path.is_file()} == before
    refused([*more, "--data.seed", "3"], "data.seed = 3: the run in run has 0")
    refused([*more, "--data.scaling", "none"], "data.scaling = 'none': the run in run has 'auto'")
    answer = ctsigprop(*more, "--data.file", "moved.npz")
    assert answer.status == 0, answer.err
    assert len(run.metrics()) == 2


def test_resuming_gives_the_run_that_was_not_stopped(ctsigprop: Command, assert_same_run: Callable[..., None]) -> None:
    save(Path("mine.npz"))
    flags = ("--data.file", "mine.npz", *FAMILIES["continuous"], "--training.threads", "1", "--quiet")
    assert ctsigprop("train", *flags, "--training.epochs", "2", "--run-dir", "whole").status == 0
    assert ctsigprop("train", *flags, "--training.epochs", "1", "--run-dir", "halves").status == 0
    assert ctsigprop("train", "--resume", "--training.epochs", "2", "--run-dir", "halves", "--quiet").status == 0
    assert_same_run(RunFolder.open(Path("halves")), RunFolder.open(Path("whole")))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_of_a_known_dataset_refuses_other_data(family: str, ctsigprop: Command, refused: Refuse) -> None:
    flags = (*FAMILIES[family], *SMALL, "--data.limit", "60", "--run-dir", "run")
    assert ctsigprop("train", *flags).status == 0
    record = json.loads(Path("run/data.json").read_text())
    assert (record["name"], record["samples"]["train"]) == ("digits", 60)
    assert record["scaling"] == {"offset": [0], "scale": [16]}
    assert "file" not in Path("run/config.yaml").read_text()
    Path("run/data.json").write_text(json.dumps(record | {"fingerprint": "0" * 64}))
    more = ["train", "--resume", "--run-dir", "run", "--training.epochs", "2", "--quiet"]
    for command in (more, *READERS[family]):
        refused([*command], "digits: has fingerprint")
    Path("run/data.json").unlink()  # as of a run of version 0.1
    for command in (*READERS[family], more):
        answer = ctsigprop(*command)
        assert answer.status == 0, answer.err
    assert json.loads(Path("run/data.json").read_text()) == record


def test_features_alone(ctsigprop: Command, refused: Refuse) -> None:
    save(Path("mine.npz"), shape=(64,))
    flags = (*SMALL, "--data.file", "mine.npz", "--data.scaling", "standard", "--run-dir")
    for family in ("continuous", "discrete"):
        answer = ctsigprop("train", *FAMILIES[family], *flags, family)
        assert answer.status == 0, answer.err
        assert RunFolder.open(Path(family)).settings().data.scaling == "standard"
    for command in (("simulate", "continuous"), ("align", "continuous")):
        assert ctsigprop(*command).status == 0
    refused(["train", *FAMILIES["spiking"], *flags, "run"], "data: a sample is 1 x 1: must be at least 4 x 4")
    conv = ("--family", "discrete", "--network.architecture", "conv")
    refused(["train", *conv, *flags, "run"], "network.architecture: conv takes images")
    crop = (*FAMILIES["discrete"], "--training.augment", "crop")
    refused(["train", *crop, *flags, "run"], "training.augment = 'crop': must be none, the samples are features")
    assert not Path("run").exists()


def test_floats_are_learned_by_regression(ctsigprop: Command, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x=np.eye(30)[:, :16].reshape(30, 4, 4), y=np.linspace(0, 1, 30))
    answer = ctsigprop("train", *FAMILIES["continuous"], *SMALL, "--data.file", "mine.npz", "--run-dir", "run")
    assert answer.status == 0, answer.err
    assert "(mean square)" in answer.out
    assert RunFolder.open(Path("run")).summary()["regression"] is True


@pytest.mark.parametrize("family", ["discrete", "spiking"])
def test_what_a_family_does_not_learn_leaves_nothing_behind(family: str, refused: Refuse, tmp_path: Path) -> None:
    np.savez(tmp_path / "mine.npz", x=np.eye(30)[:, :16].reshape(30, 4, 4), y=np.linspace(0, 1, 30))
    reason = f"the targets of mine are floats, and the {family} family learns classes alone"
    refused(["train", *FAMILIES[family], *SMALL, "--data.file", "mine.npz", "--run-dir", "run"], reason)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("coding", ["rate", "latency"])
def test_spikes_of_data_of_ones_own(coding: str, ctsigprop: Command, refused: Refuse) -> None:
    save(Path("mine.npz"))
    flags = (*FAMILIES["spiking"], *SMALL, "--data.file", "mine.npz", "--network.coding", coding, "--run-dir", "run")
    reason = f"network.coding = '{coding}': takes inputs from 0 to 1, and they are scaled to -1..3: set data.scaling"
    refused(["train", *flags, "--data.scaling", "none"], reason)
    assert ctsigprop("train", *flags).status == 0
    pytest.importorskip("nir")
    import nir

    assert ctsigprop("export", "run", "run.nir").status == 0
    metadata = nir.read("run.nir").metadata
    assert (list(metadata["offset"]), list(metadata["scale"])) == ([-1], [4])


def test_flags_that_do_not_count(refused: Refuse, tmp_path: Path) -> None:
    save(tmp_path / "mine.npz")
    refused(["train", "--data.seed", "1"], "--data.seed: nothing depends on it where data.file is left out")
    refused(["train", "--data.scaling", "none"], "--data.scaling: nothing depends on it where data.file is left out")
    name = ["train", "--data.file", "mine.npz", "--data.name", "mnist"]
    refused(name, f"--data.name: nothing depends on it where data.file = {tmp_path / 'mine.npz'}")
    both = ["train", "--family", "spiking", "--data.file", "mine.npz", "--data.events", "hands"]
    refused(both, "must be left out with data.events")
    refused(["train", "--data.file", ""], "data.file = '': must be the path of an NPZ file")
    refused(["train", "--data.file", "mine.npz", "--data.seed", "-1"], "data.seed = -1: must be a whole number")
    refused(["train", "--data.file", "mine.npz", "--data.scaling", "max"], "data.scaling = 'max': must be one of auto")


def test_a_sweep_names_a_file_by_its_whole_path(refused: Refuse, tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("base: {data: {file: mine.npz}}\ngrid: {nudging.beta: [0.1, 0.2]}\n")
    refused(["sweep", "sweep.yaml"], "data.file = 'mine.npz': must be an absolute path in a sweep")


def test_the_report_shows_such_runs(ctsigprop: Command) -> None:
    save(Path("mine.npz"))
    for family, flags in FAMILIES.items():
        assert main(["train", *flags, *SMALL, "--data.file", "mine.npz", "--run-dir", f"runs/{family}"]) == 0
    assert ctsigprop("report").status == 0
    page = Path("report.html").read_text()
    assert page.count(">mine<") >= 3
