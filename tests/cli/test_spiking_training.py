"""`ctsigprop train --family spiking`: --model says what learns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ctsigprop.experiments.cli.flags import settings_given
from ctsigprop.experiments.cli.parser import parse
from ctsigprop.runs import RunFolder
from ctsigprop.settings.config import to_values

Refuse = Callable[..., None]

SPIKING = ("train", "--family", "spiking")
SMALL = (
    *("--network.channels", "[2,2]", "--network.units", "4", "--network.steps", "1", "--data.limit", "40"),
    *("--training.epochs", "1", "--training.threads", "1", "--quiet"),
)


def learning(*arguments: str) -> dict[str, Any]:
    """What the settings of `learning` come to, of a command line and its file."""
    _, options = parse(arguments)
    return to_values(settings_given(options, options["family"]))["learning"]


def test_a_model_is_trained_and_no_other_when_the_run_goes_on(
    ctsigprop: Callable[..., Any], refused: Refuse, tmp_path: Path
) -> None:
    assert ctsigprop(*SPIKING, "--model", "sp-voltage", *SMALL, "--run-dir", "run").status == 0
    assert RunFolder.open(tmp_path / "run").settings().learning.model == "sp-voltage"
    resume = ["train", "--resume", "--run-dir", "run", "--model", "shallow"]
    refused(resume, "learning.model = 'shallow': the run in run has 'sp-voltage': leave it out")


def test_more_epochs_than_the_cosine_has_are_refused_with_what_can_be_done(
    ctsigprop: Callable[..., Any], refused: Refuse
) -> None:
    period = ("--learning.half_period", "1")
    assert ctsigprop(*SPIKING, "--model", "shallow", *SMALL, *period, "--run-dir", "run").status == 0
    resume = ["train", "--resume", "--run-dir", "run", "--training.epochs", "2"]
    refused(
        resume, "training.epochs = 2: must be at most learning.half_period = 1", "in a new run (one that is resumed"
    )
    refused([*resume, "--learning.half_period", "2"], "learning.half_period = 2: the run in run has 1: leave it out")


@pytest.mark.parametrize(
    ("model", "setting", "value"),
    [
        ("bp-surrogate", "target.density", "dense"),
        ("bp-surrogate", "learning.readout_rate", "1e-3"),
        ("shallow", "learning.rate", "1e-3"),
        ("shallow", "learning.update", "step"),
        ("shallow", "network.surrogate", "sigmoid"),
        ("sp-voltage", "network.surrogate", "arctan"),
    ],
)
def test_a_flag_that_nothing_depends_on_is_refused_and_a_file_s_line_is_not(
    ctsigprop: Callable[..., Any], refused: Refuse, tmp_path: Path, model: str, setting: str, value: str
) -> None:
    words = f"--{setting}: nothing depends on it where learning.model = {model}: leave it out"
    refused([*SPIKING, "--model", model, f"--{setting}", value], words)
    group, _, name = setting.partition(".")
    (tmp_path / "file.yaml").write_text(f"family: spiking\n{group}: {{{name}: {value}}}\n")
    config = ("train", "--config", "file.yaml", "--model", model, *SMALL, "--run-dir", "run")
    assert ctsigprop(*config).status == 0
    assert ctsigprop("train", "--resume", "--run-dir", "run", "--quiet").status == 0
    refused(["train", "--resume", "--run-dir", "run", f"--{setting}", value], words)


def test_the_flag_is_above_the_file_and_beside_other_settings() -> None:
    assert learning(*SPIKING, "--model", "shallow")["model"] == "shallow"
    found = learning(*SPIKING, "--model=shallow", "--learning.readout_rate", "1e-3")
    assert (found["model"], found["readout_rate"]) == ("shallow", 1e-3)
    assert learning(*SPIKING, "--model", "shallow", "--learning.model", "shallow")["model"] == "shallow"
    config = ("train", "--config", "mnist-spiking-sp-voltage")
    assert learning(*config)["model"] == "sp-voltage"
    assert learning(*config, "--model", "bp-surrogate")["model"] == "bp-surrogate"


@pytest.mark.parametrize(("family", "shown"), [("spiking", True), ("discrete", False), ("continuous", False)])
def test_help_shows_it_where_it_counts(ctsigprop: Callable[..., Any], family: str, shown: bool) -> None:
    answer = ctsigprop("train", "--family", family, "--help")
    assert (answer.status, "  --model NAME" in answer.out) == (0, shown)


@pytest.mark.parametrize(
    ("model", "rates"),
    [
        ("bp-surrogate", "learning.rate"),
        ("shallow", "learning.readout_rate"),
        ("sp-voltage", "learning.rate or learning.readout_rate"),
    ],
)
def test_a_loss_that_is_no_number_names_the_rates_that_count(refused: Refuse, model: str, rates: str) -> None:
    wild = [f"--{name}=1e38" for name in rates.split(" or ")]
    command = [*SPIKING, "--model", model, *SMALL, "--training.batch_size", "10", *wild, "--run-dir", "new"]
    refused(command, "the loss is no longer finite in epoch 1", f"lower {rates} and train anew", status=1)
