"""`reproduce loop-alignment` and `reproduce section-5`: their plans, their means, and the commands themselves."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ctsigprop.data import load
from ctsigprop.errors import InputError
from ctsigprop.experiments.paper.figure_4.series import ANGLES
from ctsigprop.experiments.paper.loop_alignment.found import Mean, points
from ctsigprop.experiments.paper.loop_alignment.plan import LOOP_FACTORS, plan
from ctsigprop.experiments.paper.section_5.plan import plan as section_5

Command = Callable[..., Any]


@pytest.fixture
def images() -> None:
    for name in ("mnist", "fashion-mnist"):
        try:
            load(name, limit=1, download=False)
        except InputError as error:
            pytest.skip(str(error))


def row(epoch: int, validation: float, test: float, angle: float) -> dict[str, Any]:
    spread = {name: {"samples": 3, "mean": angle + 10, "standard_deviation": 1.0} for name in ANGLES}
    nothing = {name: {"samples": 0, "mean": None, "standard_deviation": None} for name in ANGLES}
    return {
        "epoch": epoch,
        "validation_error": validation,
        "test_error": test,
        "angles": dict.fromkeys(ANGLES, angle),
        "changes": {"W31": angle / 100},
        "probe": {"slopes": spread, "signals": nothing},
    }


def test_a_point_is_the_mean_over_seeds_of_the_ends_of_runs() -> None:
    first = next(plan("full", 1))
    runs = [[row(1, 9.0, 8.0, 80), row(2, 3.0, 2.0, 50), row(3, 6.0, 7.0, 60)], [row(1, 6.0, 4.0, 40)] * 3]
    (point,) = points([(first, rows) for rows in runs])
    assert point.angles[ANGLES[0]] == Mean(50.0, 10.0)
    assert point.slopes[ANGLES[0]] == Mean(60.0, 10.0)
    assert point.signals == {}
    assert (point.moved.value, point.moved.error) == pytest.approx((0.5, 0.1))
    assert point.validation_error == Mean(6.0, 0.0)
    assert point.test_error == Mean(3.0, 1.0)


def test_the_loops_rate_is_what_the_axis_says() -> None:
    rates = {
        trial.value: trial.settings.learning
        for trial in plan("full", 1)
        if trial.axis == "loop rate" and trial.width == 500
    }
    assert tuple(rates) == LOOP_FACTORS
    assert rates[0.0].fixed == ("loop",)
    assert [rates[factor].feedback_rate for factor in LOOP_FACTORS[1:]] == pytest.approx([0.02, 0.1, 0.2, 0.5, 1.0])


def test_alignment_at_smoke_scale(ctsigprop: Command, images: None) -> None:
    answer = ctsigprop(
        "reproduce", "loop-alignment", "--scale", "smoke", "--threads", "1", "--quiet", "--output", "here"
    )
    assert (answer.status, answer.err) == (0, "")
    report = json.loads(Path("here/loop-alignment.json").read_text())
    assert [point["axis"] for point in report["points"]] == ["variant"] * 8 + ["beta"] + ["loop rate"] * 2
    assert {claim["measure"] for claim in report["claims"]} == {"matrices", "signals", "slopes"}
    runs = {path.name for path in Path("here/runs").iterdir()}
    assert len(runs) == 9  # a loop that learns, and beta = 0.5, are one run
    assert Path("here/loop-alignment.png").stat().st_size > 10_000


def test_section_5_at_smoke_scale(ctsigprop: Command, images: None) -> None:
    answer = ctsigprop("reproduce", "section-5", "--scale", "smoke", "--threads", "1", "--quiet", "--output", "here")
    assert (answer.status, answer.err) == (0, "")
    report = json.loads(Path("here/section-5.json").read_text())
    assert report["missing"] == []
    errors = [run["test"] for run in report["runs"] if run["row"] == "mnist"]
    mean, spread = sum(errors) / 2, abs(errors[0] - errors[1]) / 2**0.5
    shown = f"{mean:.2f} ± {spread:.2f} ({spread / 2**0.5:.2f})"
    assert report["rows"][0]["test"] == shown
    assert shown in answer.out


def test_section_5_differs_between_its_rows_in_what_they_say() -> None:
    runs = {one.label: one.settings for one in section_5("full", 1)}
    assert len(runs) == 4 * 5 + 1 + 5 + 2 * 3
    learned, fixed = runs["mnist-seed-3"], runs["mnist-fixed-seed-3"]
    assert (learned.learning.fixed, fixed.learning.fixed) == ((), ("loop",))
    assert learned.training == fixed.training
    eq14, exact = runs["mnist-500-eq14-seed-1"], runs["mnist-500-exact-seed-1"]
    assert replace(eq14, learning=replace(eq14.learning, rule="exact")) == exact
    assert [len(runs[f"mnist-500-depth-{layers}-seed-0"].network.hidden) for layers in range(2, 7)] == [2, 3, 4, 5, 6]
