"""The example of docs/spiking.md runs as it is printed, and the guide names what can be chosen."""

import re
from pathlib import Path
from typing import get_args

import pytest

from ctsigprop.settings.spiking import CodingName, Model

GUIDE = (Path(__file__).parents[2] / "docs" / "spiking.md").read_text(encoding="utf-8")


def test_its_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("nir")
    monkeypatch.chdir(tmp_path)
    exec("\n".join(re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)), {})
    out = capsys.readouterr().out
    assert "outputs (5, 11)" in out
    assert "voltages of the first layer (10, 5, 32, 16, 16)" in out
    assert out.count("neurons spike in a step") == 3
    assert out.count("spikes identical: True") == 3


def test_it_names_what_can_be_chosen() -> None:
    for name in (*get_args(Model), *get_args(CodingName)):
        assert f"`{name}`" in GUIDE
