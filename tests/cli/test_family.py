"""The model family of a run: what is written, and the words of version 0.1 that are still read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ctsigprop.errors import InputError
from ctsigprop.experiments.sweeps.specification import read_sweep
from ctsigprop.settings import DiscreteSettings, Settings
from ctsigprop.settings.config import read_settings, to_yaml


@pytest.mark.parametrize("flag", [("--family", "discrete"), ("--wing", "discrete"), ("--wing=discrete",)])
def test_the_old_flag_is_the_new_one(ctsigprop: Callable[..., Any], flag: tuple[str, ...]) -> None:
    answer = ctsigprop("train", *flag, "--help")
    assert answer.status == 0
    assert "--target.generator" in answer.out
    assert "--wing" not in answer.out


def test_the_old_flag_is_refused_under_the_new_name(ctsigprop: Callable[..., Any]) -> None:
    answer = ctsigprop("train", "--wing", "left")
    assert answer.status == 2
    assert "--family = left: must be one of continuous, discrete, spiking" in answer.err


@pytest.mark.parametrize("key", ["family", "wing"])
def test_files_of_either_word_are_read(tmp_path: Path, key: str) -> None:
    (tmp_path / "file.yaml").write_text(f"{key}: discrete\nlearning: {{algorithm: bp}}\n")
    assert isinstance(read_settings(tmp_path / "file.yaml"), DiscreteSettings)
    (tmp_path / "sweep.yaml").write_text(f"{key}: discrete\ngrid: {{training.seed: [0, 1]}}\n")
    sweep = read_sweep(tmp_path / "sweep.yaml")
    assert sweep.resolved["family"] == "discrete"
    assert "wing" not in sweep.resolved


def test_what_is_written_says_family() -> None:
    assert to_yaml(DiscreteSettings()).startswith("family: discrete\n")
    assert "family" not in to_yaml(Settings())


def test_both_words_in_one_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file.yaml").write_text("family: discrete\nwing: discrete\n")
    with pytest.raises(InputError, match="wing = 'discrete': no such group"):
        read_settings(tmp_path / "file.yaml")
