"""`ctsigprop train --data.events`: a run on recordings of an event camera, and the commands that read such a run."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from ctsigprop.experiments.cli import main
from ctsigprop.runs import RunFolder

Command = Callable[..., Any]
Refuse = Callable[..., None]

SPIKING = ("train", "--family", "spiking")
TINY = (
    *("--network.channels", "[2,3]", "--network.units", "6", "--network.steps", "3"),
    *("--training.batch_size", "8", "--training.epochs", "1", "--training.threads", "1", "--quiet"),
)


def save(folder: Path, seed: int = 0) -> None:
    """Noise in three classes: two dozen recordings to learn from, eight to test by."""
    folder.mkdir()
    random = np.random.default_rng(seed)
    for name, count in {"train": 24, "test": 8}.items():
        frames, labels = random.poisson(0.3, (count, 3, 2, 8, 8)), random.permutation(count) % 3
        np.savez(folder / f"{name}.npz", frames=frames, labels=labels)


@pytest.fixture(scope="module")
def finished_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings in ./hands, and in ./run a run that has learned them."""
    folder = tmp_path_factory.mktemp("recordings")
    save(folder / "hands")
    given = ("--data.events", str(folder / "hands"), "--run-dir", str(folder / "run"))
    assert main([*SPIKING, *TINY, *given]) == 0
    return folder


@pytest.fixture
def finished(finished_folder: Path, tmp_path: Path) -> Path:
    """A copy of the run, in ./run, and of its recordings, in ./hands; the run knows where they were."""
    shutil.copytree(finished_folder / "hands", tmp_path / "hands")
    return shutil.copytree(finished_folder / "run", tmp_path / "run")


@pytest.fixture
def moved(finished: Path, finished_folder: Path) -> Iterator[None]:
    """The recordings are in ./hands alone."""
    (finished_folder / "hands").rename(finished_folder / "elsewhere")
    yield
    (finished_folder / "elsewhere").rename(finished_folder / "hands")


def test_a_run_is_called_by_the_folder_of_its_recordings(ctsigprop: Command, tmp_path: Path) -> None:
    save(tmp_path / "hands")
    answer = ctsigprop(*SPIKING, *TINY, "--data.events", "hands", "--model", "shallow")
    assert (answer.status, answer.err) == (0, "")
    run = RunFolder.open(tmp_path / "runs" / "hands-shallow-001")
    assert run.settings().data.events == str(tmp_path / "hands")
    assert list(run.figures.glob("*.png"))


def test_spikes_shows_its_test_recordings(ctsigprop: Command, finished: Path) -> None:
    answer = ctsigprop("spikes", "run", "--samples", "2", "--first", "6")
    assert (answer.status, answer.err) == (0, "")
    report = json.loads((finished / "spikes.json").read_text())
    assert (report["samples"], report["steps"]) == (8, 3)
    first = report["layers"][0]
    assert first["multiplies"] == 0
    with np.load("hands/test.npz") as test:
        events, labels = test["frames"].sum() / 8, test["labels"]
    assert 4 * 2 * events < first["accumulates"] < 9 * 2 * events  # 3 x 3 weights a channel, fewer at the border
    for sample in (6, 7):
        assert f"test sample {sample}: label {labels[sample]}, predicted " in answer.out
        assert imread(finished / "figures" / f"spikes-{sample}.png").std() > 0.01
    assert ctsigprop("spikes", "run", "--events", "hands/test.npz", "--samples", "1").status == 0
    assert json.loads((finished / "events.json").read_text()) == report


@pytest.mark.usefixtures("moved")
def test_it_is_exported_without_its_recordings(ctsigprop: Command) -> None:
    nir = pytest.importorskip("nir")

    assert ctsigprop("export", "run", "network.nir").status == 0
    graph = nir.read("network.nir")
    assert (graph.metadata["coding"], graph.metadata["steps"]) == ("direct", 3)
    assert not {"mean", "deviation", "maximum"} & graph.metadata.keys()
    np.testing.assert_array_equal(graph.nodes["input"].output_type["output"], [2, 8, 8])


@pytest.mark.usefixtures("moved")
def test_integers_whose_error_cannot_be_told_are_not_written(refused: Refuse) -> None:
    pytest.importorskip("nir")
    refused(["export", "run", "network.nir", "--bits", "8"], "hands: there is no")


@pytest.mark.usefixtures("moved")
def test_recordings_that_moved_are_named_anew(ctsigprop: Command, refused: Refuse, finished: Path) -> None:
    refused(["spikes", "run"], "hands: there is no train.npz: give a folder that holds train.npz and test.npz")
    assert ctsigprop("train", "--resume", "--run-dir", "run", "--data.events", "hands", "--quiet").status == 0
    assert ctsigprop("spikes", "run", "--samples", "1").status == 0


def test_other_recordings_are_refused(refused: Refuse, finished: Path, tmp_path: Path) -> None:
    save(tmp_path / "others", seed=1)
    resume = ["train", "--resume", "--run-dir", "run", "--quiet"]
    refused([*resume, "--data.events", "others"], "others/train.npz: has SHA-256 ", "bring it back, or train anew")
    refused([*resume, "--network.steps", "4"], "network.steps = 4: the run in run has 3")
    refused([*resume, "--data.limit", "4"], "data.limit = 4: the run in run has None")


def test_a_run_on_images_does_not_go_on_with_recordings(ctsigprop: Command, refused: Refuse, tmp_path: Path) -> None:
    save(tmp_path / "hands")
    assert ctsigprop(*SPIKING, *TINY, "--data.limit", "16", "--run-dir", "run").status == 0
    refused(["train", "--resume", "--run-dir", "run", "--data.events", "hands"], "the run in run has None: leave it")


REFUSED = [
    ("--data.events nowhere", "data.events = ", "nowhere: there is no train.npz: give a folder that holds train.npz"),
    ("--data.events hands --network.steps 5", "network.steps = 5: the recordings of ", "train.npz have 3: set it to 3"),
    ("--data.events hands --network.coding rate", "network.coding = 'rate': must be direct with data.events"),
    ("--data.events hands --data.name mnist", "--data.name: nothing depends on it where data.events = "),
    ("--data.events hands --data.limit 1", "data.limit = 1: must be at least 2"),
    ("--data.event hands", "--data.event: no such flag: did you mean --data.events?"),
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_wrong_use_is_one_line_and_leaves_nothing(refused: Refuse, tmp_path: Path, case: tuple[str, ...]) -> None:
    save(tmp_path / "hands")
    arguments, *words = case
    refused([*SPIKING, "--network.steps", "3", "--run-dir", "run", *arguments.split()], *words)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Puts the number of threads back that a command sets."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
