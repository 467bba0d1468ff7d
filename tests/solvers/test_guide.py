"""The examples of docs/solvers.md run as they are printed."""

import re
from pathlib import Path

import numpy as np
import pytest

from ctsigprop.solvers import METHODS, Status

GUIDE = (Path(__file__).parents[2] / "docs" / "solvers.md").read_text(encoding="utf-8")
LORENZ, MEMORY, NEURON = re.findall(r"```python\n(.*?)```", GUIDE, re.DOTALL)


def test_lorenz(capsys: pytest.CaptureFixture[str]):
    names = {}
    exec(LORENZ, names)
    # SciPy's DOP853 at 1e-13.
    np.testing.assert_allclose(names["result"].y, [-8.173500, -9.562024, 24.620702], atol=1e-3)
    assert "SUCCESS" in capsys.readouterr().out


def test_hopfield_memory(capsys: pytest.CaptureFixture[str]):
    names = {}
    exec(MEMORY, names)
    np.testing.assert_array_equal(np.sign(names["result"].y), names["patterns"][0])
    assert names["result"].residual <= 1e-6
    assert capsys.readouterr().out.startswith("1.0 ")


def test_neuron_that_fires():
    names = {}
    exec(NEURON, names)
    for neuron, period in ((0, np.log(6)), (1, np.log(3)), (2, np.log(3))):
        times = [t for t, fired in names["spikes"] if fired == neuron]
        np.testing.assert_allclose(np.diff(times), period, rtol=1e-5)


def test_every_method_and_status_has_its_line():
    for method in METHODS.values():
        assert f"| `{method.name}` | {method.order} | {method.stages} |" in GUIDE
    for status in Status:
        assert f"| `{status.name}` |" in GUIDE
