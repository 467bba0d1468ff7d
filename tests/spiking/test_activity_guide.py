"""The examples of docs/spiking.md run as they are printed, and the guide names what can be chosen."""

import re
import shlex
from pathlib import Path
from typing import get_args

import pytest
import torch

from ctsigprop.experiments.cli import main
from ctsigprop.settings.choices import CODINGS, NEURONS, SURROGATES
from ctsigprop.settings.spiking import Model

GUIDE = (Path(__file__).parents[2] / "docs" / "spiking.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def test_its_examples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("nir")
    monkeypatch.chdir(tmp_path)
    for registry in (NEURONS, SURROGATES, CODINGS):
        monkeypatch.setattr(registry, "_added", {})
    threads = torch.get_num_threads()
    exec("\n".join(BLOCKS), {})
    torch.set_num_threads(threads)
    out = capsys.readouterr().out
    assert "classes (3,)" in out
    assert "outputs (5, 11)" in out
    assert "voltages of the first layer (10, 5, 32, 16, 16)" in out
    assert out.count("neurons spike in a step") == 3
    assert out.count("spikes identical: True") == 3


def test_its_recordings_are_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("nir")
    monkeypatch.chdir(tmp_path)
    exec(next(block for block in BLOCKS if "bars" in block), {})
    threads = torch.get_num_threads()
    for line in re.findall(r"^    ctsigprop (.*\bbars\b.*)$", GUIDE.replace("\\\n", ""), re.MULTILINE):
        assert main(shlex.split(line)) == 0
    torch.set_num_threads(threads)
    out = capsys.readouterr().out
    assert float(re.findall(r"test error (\S+) %", out)[0]) < 20
    assert out.count("test sample ") == 3
    assert "bars.nir" in out


def test_it_names_what_can_be_chosen() -> None:
    for name in (*get_args(Model), *CODINGS):
        assert f"`{name}`" in GUIDE
