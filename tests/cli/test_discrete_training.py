"""`ctsigprop train --family discrete`: trains, goes on after any stop, refuses in one line."""

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from ctsigprop.experiments.cli import main
from ctsigprop.runs import RunFolder

SameRun = Callable[[RunFolder, RunFolder], None]
Refuse = Callable[..., None]

EPOCHS = 6
FLAGS = [
    *("--family", "discrete", "--network.hidden", "[24,16]", "--data.limit", "300", "--training.batch_size", "4"),
    *("--training.augment", "crop-flip", "--training.epochs", str(EPOCHS), "--training.threads", "1", "--quiet"),
]
RESUME = ["--resume", "--quiet"]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    assert main(["train", *FLAGS, "--run-dir", str(run)]) == 0
    return run


def test_digits(ctsigprop: Callable[..., Any], tmp_path: Path) -> None:
    flags = ["--family", "discrete", "--training.epochs", "2", "--training.threads", "1", "--quiet"]
    status, out, err = ctsigprop("train", *flags)
    assert (status, err) == (0, "")
    run = tmp_path / "runs" / "digits-fc-sp-001"
    summary = json.loads((run / "summary.json").read_text())
    assert f"test error {summary['test_error']:.2f} % after epoch {summary['best_epoch']}" in out
    assert [row["epoch"] for row in RunFolder.open(run).metrics()] == [1, 2]
    assert list((run / "figures").iterdir())


def test_a_run_goes_on_for_more_epochs(ctsigprop: Callable[..., Any], assert_same_run: SameRun, tmp_path: Path) -> None:
    flags = [*FLAGS, "--learning.decay", "1"]
    short, long = tmp_path / "short", tmp_path / "long"
    assert ctsigprop("train", *flags, "--run-dir", str(long)).status == 0
    assert ctsigprop("train", *flags, "--run-dir", str(short), "--training.epochs", "2").status == 0
    assert ctsigprop("train", *RESUME, "--run-dir", str(short), "--training.epochs", str(EPOCHS)).status == 0
    assert_same_run(RunFolder.open(short), RunFolder.open(long))


def test_a_finished_run_whose_metrics_are_damaged_writes_them_anew(
    ctsigprop: Callable[..., Any], undisturbed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    copytree(undisturbed, run)
    metrics = (run / "metrics.jsonl").read_bytes()
    (run / "metrics.jsonl").write_bytes(metrics[: len(metrics) // 2])
    assert ctsigprop("train", *RESUME, "--run-dir", str(run), "--training.epochs", str(EPOCHS)).status == 0
    assert (run / "metrics.jsonl").read_bytes() == metrics


def test_more_epochs_are_refused_once_the_rate_has_decayed(
    ctsigprop: Callable[..., Any], refused: Refuse, tmp_path: Path
) -> None:
    flags = [
        "--family",
        "discrete",
        "--data.limit",
        "60",
        "--network.hidden",
        "[8]",
        "--training.threads",
        "1",
        "--quiet",
    ]
    for name, epochs in (("short", 1), ("long", 4)):
        run = str(tmp_path / name)
        assert ctsigprop("train", *flags, "--training.epochs", str(epochs), "--run-dir", run).status == 0
    words = f"training.epochs = 8: the run in {tmp_path / 'long'} has decayed its rate since epoch 3"
    for _ in range(2):
        refused(["train", *RESUME, "--run-dir", str(tmp_path / "long"), "--training.epochs", "8"], words)
        (tmp_path / "long" / "metrics.jsonl").unlink(missing_ok=True)
    assert ctsigprop("train", *RESUME, "--run-dir", str(tmp_path / "short"), "--training.epochs", "2").status == 0


def test_killed_and_resumed_it_is_bit_for_bit_the_same_run(
    processes: Any, assert_same_run: SameRun, undisturbed: Path, tmp_path: Path
) -> None:
    run, flags = tmp_path / "run", FLAGS
    for epoch, delay in ((1, 0.02), (3, 0.0)):
        process = processes.start(run, *flags)
        processes.wait_for_epoch(run, process, epoch)
        time.sleep(delay)
        process.kill()
        process.communicate()
        assert process.returncode == -signal.SIGKILL
        flags = RESUME
    assert main(["train", *flags, "--run-dir", str(run)]) == 0
    assert_same_run(RunFolder.open(run), RunFolder.open(undisturbed))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_saves_says_how_to_go_on_and_goes_on(
    processes: Any, assert_same_run: SameRun, undisturbed: Path, tmp_path: Path, number: signal.Signals
) -> None:
    run = tmp_path / "run"
    process = processes.start(run, *FLAGS)
    processes.wait_for_epoch(run, process, 2)
    process.send_signal(number)
    _, err = process.communicate()
    assert process.returncode == 130
    assert f"interrupted: go on with `ctsigprop train --resume --run-dir {run}`" in err.splitlines()[-1]
    assert processes.epochs(run) < EPOCHS
    assert main(["train", *RESUME, "--run-dir", str(run)]) == 0
    assert_same_run(RunFolder.open(run), RunFolder.open(undisturbed))


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ("--family discreet", "--family = discreet: must be one of continuous, discrete"),
        (
            "--family discrete --network.architecture vgg",
            "network.architecture = 'vgg': must be one of fc, conv, vgg8b",
        ),
        ("--family discrete --network.dropout 1", "network.dropout = 1.0: must be"),
        ("--family discrete --learning.rate 0", "learning.rate = 0.0: must be a finite number greater than 0"),
        (
            "--family discrete --learning.readout_rate 0",
            "learning.readout_rate = 0.0: must be a finite number greater than 0",
        ),
        (
            "--family discrete --learning.algorithm dfa --learning.readout_rate 1e-3",
            "--learning.readout_rate: nothing depends on it where learning.algorithm = dfa: leave it out",
        ),
        (
            "--family discrete --target.prediction output-target --learning.readout_rate 1e-3",
            "--learning.readout_rate: nothing depends on it where target.prediction = output-target: leave it out",
        ),
        ("--family discrete --training.threads 2000", "training.threads = 2000: must be a whole number, at most 1024"),
        (f"--family discrete --parallel layers={'9' * 5000}", "must be layers=N, such as layers=2"),
        ("--family discrete --learning.algoritm bp", "--learning.algoritm: no such flag: did you mean"),
        ("--family discrete --target.generator loop", "target.generator = 'loop': must be one of target-only"),
        (
            "--family discrete --target.density sparse --target.size 300",
            "target.size = 300: must be a whole number from 1 to 256",
        ),
        (
            "--family discrete --learning.algorithm bp --target.density sparse",
            "--target.density: nothing depends on it where learning.algorithm = bp: leave it out",
        ),
        (
            "--family discrete --target.error_rate 0.5",
            "--target.error_rate: nothing depends on it where target.generator = target-only: leave it out",
        ),
        (
            "--family discrete --network.architecture conv --network.hidden [64]",
            "--network.hidden: nothing depends on it where network.architecture = conv: leave it out",
        ),
        (
            "--family discrete --network.widen 2",
            "--network.widen: nothing depends on it where network.architecture = fc: leave it out",
        ),
        ("--family discrete --training.device gpu", "training.device = 'gpu': must be one of cpu, cuda"),
        ("--family discrete --training.batch_size 1", "training.batch_size = 1: must be"),
        ("--family discrete --data.limit 1", "data.limit = 1: must be at least 2"),
        ("--family discrete --network.architecture vgg8b", "at least 16 x 16"),
    ],
)
def test_refused(refused: Refuse, flags: str, words: str) -> None:
    refused(["train", "--run-dir", "new", *flags.split()], words)


def test_a_gpu_that_is_not_there(refused: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    flags = ["--family", "discrete", "--training.device", "cuda", "--run-dir", "new"]
    refused(["train", *flags], "training.device = 'cuda': must be cpu here", "leave it out")


def test_torchrun_without_parallel_would_train_once_a_process(refused: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    refused(["train", "--config", "digits-sp"], "torchrun started 2", "--parallel layers=2")


def test_torchrun_of_another_family_is_not_told_to_split_it(refused: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(name, value)
    for family in ("spiking", "continuous"):
        words = f"--family = {family}: trains in one process, and torchrun started 2: leave torchrun out"
        refused(["train", "--family", family], words)


@pytest.mark.parametrize("name", ["WORLD_SIZE", "MASTER_PORT"])
def test_a_launch_that_cannot_be_read(refused: Refuse, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for each, value in {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}.items():
        monkeypatch.setenv(each, "two" if each == name else value)
    refused(["train", "--config", "digits-sp", "--parallel", "layers=2"], f"{name} = 'two': must be a whole number")


def test_no_torch(refused: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("ctsigprop.discrete", "ctsigprop.layered"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "torch", None)
    refused(["train", "--family", "discrete", "--run-dir", "new"], "ctsigprop[torch]")


def test_a_loss_that_is_no_number(refused: Refuse) -> None:
    wild = "--family discrete --learning.algorithm shallow --learning.rate 1e38 --training.threads 1 --quiet"
    words = ("output: the loss is no longer finite in epoch 1", "lower learning.rate and train anew")
    refused(["train", *wild.split(), "--run-dir", "new"], *words, status=1)


def test_weights_that_the_last_update_makes_infinite(refused: Refuse) -> None:
    """No loss is taken of them: the run has one batch."""
    wild = (
        "--family discrete --data.limit 60 --learning.readout_rate 1e300 --training.epochs 1 --training.threads 1 "
        "--quiet"
    )
    words = (
        "output: a weight is no longer finite in epoch 1",
        "lower learning.rate or learning.readout_rate and train",
    )
    refused(["train", *wild.split(), "--run-dir", "new"], *words, status=1)


def test_resumed_with_other_settings(refused: Refuse, undisturbed: Path) -> None:
    flags = ["--resume", "--run-dir", str(undisturbed)]
    refused(["train", *flags, "--family", "continuous"], "--family = continuous: the run in", "discrete family")
    refused(["train", *flags, "--learning.algorithm", "bp"], "learning.algorithm = 'bp': the run in", "has 'sp'")
