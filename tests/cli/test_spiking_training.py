"""`ctsigprop train --wing spiking`: --model says what learns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ctsigprop.experiments.flags import given
from ctsigprop.experiments.parser import parse
from ctsigprop.runs import RunFolder

Refuse = Callable[..., None]

SPIKING = ("train", "--wing", "spiking")
SMALL = (
    *("--network.channels", "[2,2]", "--network.units", "4", "--network.steps", "1", "--data.limit", "40"),
    *("--training.epochs", "1", "--training.threads", "1", "--quiet"),
)


def learning(*arguments: str) -> dict[str, Any]:
    """What the settings of `learning` come to, of a command line and its file."""
    _, options = parse(arguments)
    return given(options, options["wing"])["learning"]


def test_a_model_is_trained_and_no_other_when_the_run_goes_on(
    ctsigprop: Callable[..., Any], refused: Refuse, tmp_path: Path
) -> None:
    assert ctsigprop(*SPIKING, "--model", "sp-voltage", *SMALL, "--run-dir", "run").status == 0
    assert RunFolder.open(tmp_path / "run").settings().learning.model == "sp-voltage"
    resume = ["train", "--resume", "--run-dir", "run", "--model", "shallow"]
    refused(resume, "learning.model = 'shallow': the run in run has 'sp-voltage': leave it out")


def test_the_flag_is_above_the_file_and_beside_other_settings() -> None:
    assert learning(*SPIKING, "--model", "shallow") == {"model": "shallow"}
    assert learning(*SPIKING, "--model=shallow", "--learning.rate", "1e-3") == {"model": "shallow", "rate": 1e-3}
    assert learning(*SPIKING, "--model", "shallow", "--learning.model", "shallow") == {"model": "shallow"}
    config = ("train", "--config", "mnist-spiking-sp-voltage")
    assert learning(*config)["model"] == "sp-voltage"
    assert learning(*config, "--model", "bp-surrogate")["model"] == "bp-surrogate"


@pytest.mark.parametrize(("wing", "shown"), [("spiking", True), ("discrete", False), ("continuous", False)])
def test_help_shows_it_where_it_counts(ctsigprop: Callable[..., Any], wing: str, shown: bool) -> None:
    answer = ctsigprop("train", "--wing", wing, "--help")
    assert (answer.status, "  --model NAME" in answer.out) == (0, shown)
