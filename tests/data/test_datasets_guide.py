"""The examples of docs/datasets.md on data of one's own run as they are printed."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import torch

from ctsigprop.experiments.cli import main
from ctsigprop.settings.data import ScalingName

GUIDE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text(encoding="utf-8")
OWN = GUIDE[GUIDE.index("## Your own data") : GUIDE.index("## Where files are looked for")]


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_its_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec("\n".join(re.findall(r"```python\n(.*?)```", OWN, re.DOTALL)), names)
    data = names["data"]
    assert (data.shape, data.classes, len(data.validation)) == ((8, 8), 3, 56)
    inputs = data.train.inputs()
    assert (inputs.shape, inputs.min(), inputs.max()) == ((444, 64), 0, 1)
    for line in re.findall(r"^    ctsigprop (.*)$", OWN.replace("\\\n", ""), re.MULTILINE):
        assert main([*shlex.split(line), "--training.threads", "1"]) == 0
    errors = [float(error) for error in re.findall(r"test error (\S+) %", capsys.readouterr().out)]
    assert len(errors) == 3
    assert max(errors) < 20


def test_it_names_every_scaling() -> None:
    for name in get_args(ScalingName):
        assert f"`{name}`" in OWN
