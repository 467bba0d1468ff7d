"""The examples of docs/discrete.md run as they are printed, and the guide names every setting of the targets."""

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
import torch

from ctsigprop.settings.discrete import Algorithm, Architecture, TargetSettings

GUIDE = (Path(__file__).parents[2] / "docs" / "discrete.md").read_text(encoding="utf-8")


def test_networks_of_your_own(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, object] = {}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for example in re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL):
            exec(example, names)
    finally:
        torch.set_num_threads(threads)
    out = capsys.readouterr().out
    classified = re.findall(r"(.*): ([\d.]+) % of the test samples wrong", out)
    assert [name for name, _ in classified] == ["layer 1", "layer 2", "output"]
    assert all(float(error) < 12 for _, error in classified)
    learned, threshold = (float(error) for error in re.findall(r"pixels wrong.*: ([\d.]+) %", out))
    assert learned < threshold - 5


def test_it_names_what_can_be_set() -> None:
    for setting in fields(TargetSettings):
        assert setting.name == "error_rate" or f"`target.{setting.name}`" in GUIDE
    for name in (*get_args(Algorithm), *get_args(Architecture)):
        assert f"`{name}`" in GUIDE
