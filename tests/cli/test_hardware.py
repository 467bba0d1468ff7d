"""`reproduce hardware`: what its numbers say, on numbers that are known, and the command itself."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ctsigprop.experiments.paper.on_hardware.found import Outcome, borne, points
from ctsigprop.experiments.paper.on_hardware.plan import ARCHITECTURES, AXES, SCALES, Trial, plan, taken
from ctsigprop.settings import Settings

Command = Callable[..., Any]


def outcomes(errors: dict[float, list[float]], ideal: list[float]) -> list[Outcome]:
    """Of the first axis, on all networks alike."""
    axis = AXES[0]
    asked = [("", 0.0, seeds, timed) for seeds, timed in ((ideal, False), (ideal, True))]
    asked += [(axis.name, value, seeds, True) for value, seeds in errors.items()]
    return [
        Outcome(Trial(name, value, architecture, timed, Settings()), error, None)
        for name, value, seeds, timed in asked
        for architecture in ARCHITECTURES
        for error in seeds
    ]


@pytest.mark.parametrize(
    ("errors", "last"),
    [
        ({0.05: [3.0, 3.0, 3.0], 0.1: [3.9, 3.9, 3.9], 0.2: [4.1, 4.1, 4.1], 0.4: [3.0, 3.0, 3.0]}, 0.1),
        ({0.05: [5.0, 5.0, 5.0]}, None),
        ({0.05: [3.0, 5.0, 7.0]}, 0.05),  # two standard errors of it are 2.3
    ],
)
def test_what_is_borne(errors: dict[float, list[float]], last: float | None) -> None:
    found = borne(points(outcomes(errors, [3.0, 3.0, 3.0])))
    assert found[AXES[0].name] == dict.fromkeys(ARCHITECTURES, last)


def test_points_are_means_over_seeds() -> None:
    *_, last = points(outcomes({0.05: [2.0, 4.0, 6.0]}, [1.0, 1.0, 1.0]))
    assert (last.value, last.error, last.errors) == (0.05, 4.0, (2.0, 4.0, 6.0))
    assert last.standard_error == pytest.approx(2 / 3**0.5)


def test_every_run_is_another() -> None:
    trials = list(plan("full", 1))
    per_value = len(ARCHITECTURES) * len(SCALES["full"].seeds)
    assert len(trials) == per_value * (2 + sum(len(axis.values) for axis in AXES))
    assert len({trial.settings for trial in trials}) == len(trials)


def test_the_ends_of_an_axis_are_taken() -> None:
    assert taken((1.0, 2.0, 3.0, 4.0, 5.0), 2) == [1.0, 5.0]
    assert taken((1.0, 2.0, 3.0, 4.0, 5.0), 3) == [1.0, 3.0, 5.0]


def test_the_command(ctsigprop: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the first axis alone; called again, it trains nothing."""
    monkeypatch.setattr("ctsigprop.experiments.paper.on_hardware.plan.AXES", AXES[5:6])
    for module in ("run", "found", "drawing"):
        monkeypatch.setattr(f"ctsigprop.experiments.paper.on_hardware.{module}.AXES", AXES[5:6])
    arguments = ("reproduce", "hardware", "--scale", "smoke", "--threads", "1", "--quiet", "--output", "out")
    answer = ctsigprop(*arguments)
    assert answer.status == 0, answer.err
    assert "spread of time constants" in answer.out
    report = json.loads((tmp_path / "out" / "hardware.json").read_text())
    assert {len(point["errors"]) for point in report["points"]} == {1}
    assert (tmp_path / "out" / "hardware.png").read_bytes().startswith(b"\x89PNG")
    again = ctsigprop(*arguments)
    assert "run 1 of" not in again.out
