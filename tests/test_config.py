"""Settings as YAML: what is written comes back, and what is not known is refused."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctsigprop.config import read_settings, settings_from, to_values, to_yaml
from ctsigprop.errors import InputError
from ctsigprop.settings import LearningSettings, NudgingSettings, Settings, SolverSettings


@given(
    rate=st.floats(0, 1e300),
    beta=st.floats(1e-300, 0.99),
    tolerance=st.floats(2e-6, 0.1),
    fixed=st.lists(st.sampled_from(["W12", "W23", "loop", "null", "3", "yes"]), unique=True),
)
def test_yaml_comes_back_bit_for_bit(
    tmp_path_factory: pytest.TempPathFactory, rate: float, beta: float, tolerance: float, fixed: list[str]
) -> None:
    settings = Settings(
        solver=SolverSettings(tolerance=tolerance),
        nudging=NudgingSettings("centered", beta),
        learning=LearningSettings(rates=(rate, 0.1), fixed=tuple(fixed)),
    )
    path = tmp_path_factory.getbasetemp() / "config.yaml"
    path.write_text(to_yaml(settings))
    assert read_settings(path) == settings


def test_values_are_the_mapping_that_makes_the_settings() -> None:
    assert settings_from(to_values(Settings())) == Settings()


@pytest.mark.parametrize(("text", "value"), [("1e-5", 1e-5), ("1.0e-05", 1e-5), ("2E-3", 2e-3), (".01", 0.01)])
def test_every_spelling_of_a_number_is_a_number(tmp_path: Path, text: str, value: float) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(f"solver:\n  tolerance: {text}\n")
    assert read_settings(path).solver.tolerance == value


def test_what_is_left_out_keeps_its_default(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("network: {hidden: [7]}\n")
    settings = read_settings(path)
    assert settings.network.hidden == (7,)
    assert settings.nudging == Settings().nudging


def test_an_unknown_name_far_from_all_known_lists_them() -> None:
    with pytest.raises(InputError, match=r"nudging\.zzz = 1: no such setting: known are kind, beta"):
        settings_from({"nudging": {"zzz": 1}})
