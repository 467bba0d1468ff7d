"""`ctsigprop spikes` and `ctsigprop export`: what they write of a finished run, and what they refuse."""

import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.image import imread

from ctsigprop.experiments.cli import main
from ctsigprop.runs import RunFolder
from ctsigprop.spiking.monitor.recording import account_of
from ctsigprop.spiking.trained import load_trained

Command = Callable[..., Any]
Refuse = Callable[..., None]

TINY = ("--network.channels", "[4, 6]", "--network.units", "12", "--network.steps", "3", "--data.limit", "60")
EVENTS = np.random.default_rng(0).poisson(0.5, (4, 7, 1, 8, 8))


@pytest.fixture(scope="module")
def trained_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spiking") / "run"
    once = ("--training.epochs", "1", "--training.threads", "1")
    assert main(["train", "--family", "spiking", *TINY, *once, "--run-dir", str(folder), "--quiet"]) == 0
    return folder


@pytest.fixture
def spiking(trained_folder: Path, tmp_path: Path) -> Path:
    """A copy of a finished run, in ./run."""
    return shutil.copytree(trained_folder, tmp_path / "run")


@pytest.fixture
def events(tmp_path: Path) -> str:
    np.savez(tmp_path / "events.npz", frames=EVENTS, labels=[1, 2, 3, 4])
    return "events.npz"


def test_it_prints_reports_and_draws(ctsigprop: Command, spiking: Path) -> None:
    answer = ctsigprop("spikes", "run", "--samples", "2", "--first", "5")
    assert (answer.status, answer.err) == (0, "")
    report = json.loads((spiking / "spikes.json").read_text())
    assert (report["checkpoint"], report["epoch"], report["samples"], report["steps"]) == ("best", 1, 300, 3)
    assert [layer["layer"] for layer in report["layers"]] == ["layer 1", "layer 2", "layer 3", "output"]
    assert [layer.get("neurons") for layer in report["layers"]] == [4 * 64, 6 * 16, 12, None]
    assert report["energy_pj"] == pytest.approx(sum(layer["energy_pj"] for layer in report["layers"]))
    assert "Horowitz 2014" in report["assumptions"]
    assert "batch normalisation is folded into the weights" in report["assumptions"]
    assert report["assumptions"] in answer.out
    for sample in (5, 6):
        figure = Path("run/figures") / f"spikes-{sample}.png"
        assert f"test sample {sample}: label " in answer.out
        assert str(figure) in answer.out
        assert imread(figure).std() > 0.01


def test_it_predicts_as_the_run_was_evaluated(ctsigprop: Command, spiking: Path) -> None:
    trained = load_trained(RunFolder.open(spiking))
    test = trained.data.test
    predictions = trained.record(trained.sequence(test.channels_first())).logits.argmax(1).numpy()
    lines = [line for line in ctsigprop("spikes", "run", "--samples", "4").out.splitlines() if "predicted" in line]
    judged = [tuple(map(int, re.findall(r"label (\d+), predicted (\d+)", line)[0])) for line in lines]
    assert judged == list(zip(test.labels[:4], predictions[:4], strict=True))
    error = 100 * (predictions != test.labels).mean()
    assert error == pytest.approx(RunFolder.open(spiking).metrics()[-1]["test_error"], rel=1e-12)


def test_recordings_of_an_event_camera(ctsigprop: Command, spiking: Path, events: str) -> None:
    answer = ctsigprop("spikes", "run", "--events", events, "--samples", "1", "--first", "2")
    assert (answer.status, answer.err) == (0, "")
    report = json.loads((spiking / "events.json").read_text())
    assert (report["samples"], report["steps"]) == (4, 7)
    assert report["layers"][0]["multiplies"] == 0
    assert "recording 2: label 3, predicted " in answer.out
    assert imread(spiking / "figures" / "events-2.png").std() > 0.01


def test_recordings_need_no_images(
    ctsigprop: Command, spiking: Path, events: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ctsigprop.spiking.trained.data_for", None)
    assert ctsigprop("spikes", "run", "--events", events, "--samples", "1").status == 0


def test_what_is_exported_has_the_same_spikes(ctsigprop: Command, spiking: Path) -> None:
    pytest.importorskip("nir")
    from ctsigprop.spiking.nir.graph import read_graph

    answer = ctsigprop("export", "run", "run/network.nir")
    assert (answer.status, answer.out, answer.err) == (0, "weights after epoch 1 of run: run/network.nir\n", "")
    trained = load_trained(RunFolder.open(spiking))
    x = trained.sequence(trained.data.test.channels_first()[:50])
    ours, theirs = (account_of(one, [x]) for one in (trained.network, read_graph(spiking / "network.nir")))
    assert ours.firing() == theirs.firing()
    assert ours.operations() == theirs.operations()


def test_integers_are_exported_with_their_error(ctsigprop: Command, spiking: Path) -> None:
    nir = pytest.importorskip("nir")

    answer = ctsigprop("export", "run", "run/whole.nir", "--bits", "8")
    assert answer.status == 0
    where, errors = answer.out.splitlines()
    assert where == "weights after epoch 1 of run: run/whole.nir"
    of_integers, of_floats = map(float, re.findall(r"([0-9.]+) %", errors))
    assert errors.startswith("test error with integers of 8 bits: ") and abs(of_integers - of_floats) < 3
    summary = json.loads((spiking / "summary.json").read_text())
    assert of_floats == pytest.approx(summary["test_error"], abs=1)
    graph = nir.read(spiking / "whole.nir")
    assert np.abs(graph.nodes["weights_3"].weight).max() == 127 and graph.metadata["bits"] == 8
    assert ctsigprop("export", "run", "run/whole.nir", "--bits", "40").err == (
        "ctsigprop: error: --bits = 40: must be a whole number from 2 to 16\n"
    )


def test_another_program_can_standardise_images_by_what_is_exported(ctsigprop: Command, spiking: Path) -> None:
    nir = pytest.importorskip("nir")

    assert ctsigprop("export", "run", "run/network.nir").status == 0
    found = nir.read(spiking / "network.nir").metadata
    assert (found["coding"], found["steps"]) == ("direct", 3)
    trained = load_trained(RunFolder.open(spiking))
    pixels = trained.data.train.channels_first()
    np.testing.assert_allclose([found["mean"], found["deviation"]], [[pixels.mean()], [pixels.std()]], rtol=1e-6)
    inputs = (pixels[:50] - found["mean"][:, None, None]) / found["deviation"][:, None, None]
    np.testing.assert_allclose(trained.sequence(pixels[:50])[0], inputs, atol=1e-6)


@pytest.mark.parametrize("coding", ["rate", "latency"])
def test_for_spikes_the_brightest_pixel_is_exported_without_the_images(
    ctsigprop: Command, tmp_path: Path, coding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nir = pytest.importorskip("nir")
    from ctsigprop.spiking.nir.graph import read_graph

    once = ("--training.epochs", "1", "--training.threads", "1", "--network.coding", coding, "--run-dir", "run")
    assert ctsigprop("train", "--family", "spiking", *TINY, *once, "--quiet").status == 0
    monkeypatch.setattr("ctsigprop.spiking.trained.data_for", None)
    assert ctsigprop("export", "run", "network.nir").status == 0
    found = nir.read("network.nir").metadata
    assert (found["coding"], found["maximum"]) == (coding, 16)
    assert "mean" not in found
    assert type(read_graph(Path("network.nir")).coding).__name__.lower() == coding


REFUSED = [
    ("spikes", "spikes: does not say which run: give its folder"),
    ("spikes nowhere", "nowhere: no such folder"),
    ("spikes run --samples 0", "--samples = 0: must be a whole number from 1 to 100"),
    ("spikes run --samples 11 --first 290", "--samples = 11: must be a whole number from 1 to 10"),
    ("spikes run --first 300", "--first = 300: must be a whole number from 0 to 299"),
    ("spikes run --checkpoint worst", "--checkpoint = worst: must be one of best, last"),
    ("spikes run --events none.npz", "none.npz: cannot be read (No such file or directory)"),
    ("spikes run --events events.npz --first 4", "--first = 4: must be a whole number from 0 to 3"),
    ("spikes run --evens events.npz", "--evens: no such flag: did you mean --events?"),
    ("export", "export: does not say which run: give its folder"),
    ("export run", "export: nothing is no name of a NIR file: give one that ends in .nir"),
    ("export run network.onnx", "export: network.onnx is no name of a NIR file"),
    ("export run none/network.nir", "export = none/network.nir: no such folder as none: make it first"),
]


@pytest.mark.usefixtures("spiking", "events")
@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case[0])
def test_wrong_use_is_one_line(refused: Refuse, case: tuple[str, str]) -> None:
    arguments, message = case
    refused(arguments.split(), message)


def test_recordings_of_another_camera_are_one_line(refused: Refuse, spiking: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "wide.npz", frames=np.zeros((5, 2, 34, 34)))
    refused(["spikes", "run", "--events", "wide.npz"], "wide.npz: frames are 2 x 34 x 34: must be 1 x 8 x 8")


@pytest.mark.parametrize("command", ["spikes run", "export run network.nir"])
def test_runs_of_other_families_are_one_line(refused: Refuse, run: Path, command: str) -> None:
    refused(command.split(), "run: is a run of the continuous family, which this command does not know")


def test_without_nir_the_extra_is_named(refused: Refuse, spiking: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith("ctsigprop.spiking.nir")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "nir", None)
    refused(["export", "run", "network.nir"], "nir is not installed: pip install 'ctsigprop[nir]'")


def test_weights_that_are_not_finite_are_one_line(refused: Refuse, spiking: Path) -> None:
    folder = RunFolder.open(spiking)
    arrays, meta = folder.load_checkpoint("best")
    name = next(name for name in arrays if name.endswith("layer.weight"))
    arrays[name][0] = np.nan
    folder.save_checkpoint("best", arrays, meta)
    for command in ("spikes run", "export run network.nir"):
        refused(command.split(), f"checkpoint-best.npz: {name} holds NaN or infinity")


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Puts the number of threads back that a command sets."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
