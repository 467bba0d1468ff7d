"""The public names of the spiking family."""

import subprocess
import sys

import pytest

import ctsigprop as ct


@pytest.mark.parametrize("name", ct.spiking.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    thing = getattr(ct.spiking, name)
    assert name in dir(ct.spiking)
    assert thing.__doc__ or name in ("Dynamics", "Fire")  # types, which cannot have one
    with pytest.raises(AttributeError, match=r"module 'ctsigprop.spiking' has no attribute 'Sigprop'"):
        _ = ct.spiking.Sigprop  # type: ignore[attr-defined]


def test_pytorch_is_imported_with_the_first_name() -> None:
    loaded = "print('torch' in sys.modules)"
    asked = f"import sys, ctsigprop as ct; ct.spiking; {loaded}; ct.spiking.Block; {loaded}"
    found = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "True"]
