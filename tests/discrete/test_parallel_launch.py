"""What a process reads of its place among those that torchrun started."""

import subprocess
import sys

import pytest

from ctsigprop.discrete.parallel.launch import Place, launched, number
from ctsigprop.errors import InputError

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}


@pytest.fixture(autouse=True)
def torchrun(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)


def test_a_place_is_rank_and_size() -> None:
    assert launched() == Place(rank=1, size=2)


@pytest.mark.parametrize("missing", ["RANK", "WORLD_SIZE", "MASTER_ADDR"])
def test_a_process_by_itself_has_none(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    monkeypatch.delenv(missing)
    assert launched() is None


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("WORLD_SIZE", "two", "at least 1"),
        ("WORLD_SIZE", "0", "at least 1"),
        ("RANK", "2", "from 0 to 1"),
        ("RANK", "-1", "from 0 to 1"),
        ("MASTER_PORT", "", "from 0 to 65535"),
        ("MASTER_PORT", "65536", "from 0 to 65535"),
    ],
)
def test_what_is_no_such_number_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, allowed: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=rf"^{name} = '{value}': must be a whole number {allowed}: start the .*$"):
        launched()


def test_a_port_that_is_missing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MASTER_PORT")
    with pytest.raises(InputError, match=r"^MASTER_PORT = '': must be a whole number from 0 to 65535: "):
        launched()


def test_a_number_that_may_be_missing_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert number("LOCAL_WORLD_SIZE", 1, default=3) == 3
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "0")
    with pytest.raises(InputError, match=r"^LOCAL_WORLD_SIZE = '0': must be a whole number at least 1"):
        number("LOCAL_WORLD_SIZE", 1, default=3)


def test_it_needs_no_torch() -> None:
    code = "import sys, ctsigprop.discrete.parallel.launch; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
