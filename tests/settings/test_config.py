"""Settings as YAML: what is written comes back, and what is not known is refused."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctsigprop.core.yaml_text import parsed, written, written_on_one_line
from ctsigprop.errors import InputError
from ctsigprop.settings import LearningSettings, NetworkSettings, NudgingSettings, Settings, SolverSettings
from ctsigprop.settings.config import read_mapping, read_settings, settings_from, to_values, to_yaml
from ctsigprop.settings.continuous import NudgingKind

NUMBERS = st.from_regex(r"[-+]?[0-9_.:]{1,4}([eE][-+]?[0-9]{1,2})?", fullmatch=True)
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | NUMBERS
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | TEXTS
    | st.dates().map(str)
)


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


def refused(tmp_path: Path, text: str) -> str:
    path = tmp_path / "file.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as refusal:
        read_mapping(path, "values")
    return str(refusal.value).removeprefix(str(path))


def test_what_an_alias_repeats_counts_each_time(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("a: &a [1, 2]\nb: [*a, *a]\nc: {<<: {d: 3}, e: *a}\n")
    assert read_mapping(path, "values") == {"a": [1, 2], "b": [[1, 2], [1, 2]], "c": {"d": 3, "e": [1, 2]}}
    hundred = "a: &a [" + 99 * "1," + "]\n"
    path.write_text(hundred + "b: [" + 198 * "*a," + "]\n")  # 3 + 1 + 100 + 198 * 100 values and the list of them
    assert len(read_mapping(path, "values")["b"]) == 198
    assert refused(tmp_path, hundred + "b: [" + 199 * "*a," + "]\n").startswith(
        ", line 2: holds more than 20,000 values"
    )


@pytest.mark.parametrize("open_, close", [("[", "]"), ("{a: ", "}")])
def test_depth_has_a_bound(tmp_path: Path, open_: str, close: str) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("a: " + 31 * open_ + "1" + 31 * close)
    assert read_mapping(path, "values")
    assert refused(tmp_path, "a: " + 32 * open_ + "1" + 32 * close).startswith(", line 1: is nested deeper than 32")
    deep = "a: &a " + 16 * open_ + "1" + 16 * close + "\nb: "
    path.write_text(deep + 15 * open_ + "*a" + 15 * close)
    assert read_mapping(path, "values")
    assert refused(tmp_path, deep + 16 * open_ + "*a" + 16 * close).startswith(", line 2: is nested deeper than 32")


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4)))
def test_what_yaml_writes_is_read_as_it_was(value: Any) -> None:
    assert repr(parsed(written(value), "text")) == repr(value)
    assert repr(parsed(written_on_one_line(value), "text")) == repr(value)


@pytest.mark.parametrize("hidden", [(512,), (128, 128), (256, 128, 64), (9, 9, 9, 9)])
def test_rates_that_are_left_out_follow_the_depth(hidden: tuple[int, ...]) -> None:
    rates, last = Settings(network=NetworkSettings(hidden=hidden)).learning.rates, 0.0075 * min(4, 512 / hidden[-1])
    assert (len(rates), rates[0], rates[-1]) == (len(hidden) + 1, 4.0, last)
    factors = [after / before for before, after in pairwise(rates)]
    assert factors == pytest.approx(len(factors) * [(last / 4.0) ** (1 / len(factors))], rel=0.01)


@pytest.mark.parametrize("kind", ["positive", "negative", "random-sign", "centered"])
@pytest.mark.parametrize("constant", [0.5, 1.0, 2.0])
def test_rates_that_are_left_out_are_never_lost(kind: NudgingKind, constant: float) -> None:
    nudging = NudgingSettings(kind, 0.9 / constant)
    rates = Settings(network=NetworkSettings(time_constant=constant), nudging=nudging).learning.rates
    assert 0 < rates[-1] < rates[0]


def test_rates_of_the_demo_are_those_that_were_measured() -> None:
    assert Settings().learning.rates == (4.0, 0.0075)
    assert settings_from({"network": {"hidden": [9, 9]}, "learning": {"rates": [0.5]}}).learning.rates == (0.5,)


@pytest.mark.parametrize("characters", ["\x00", "\x1b", "\x7f", "\x9b", "\u200f", "\u202e", "\udcff", "\n", "\u2028"])
def test_no_control_character_is_in_a_message(characters: str) -> None:
    message = str(InputError(f"a{characters}b"))
    assert message.isprintable()
    assert message.encode("ascii").decode("unicode_escape") == f"a{characters}b"


def test_a_message_that_is_too_long_keeps_both_ends() -> None:
    message = str(InputError("begin" + 10**6 * "-" + "end"))
    assert (len(message) <= 1000, message[:5], message[-3:]) == (True, "begin", "end")
    assert str(InputError(message)) == message
