"""Figures: what is drawn, for every kind of run, and nothing that warns."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.image import imread

from ctsigprop.analysis.measures.time_courses import time_courses
from ctsigprop.analysis.plots.curves import angle_curves, angle_figure, angle_label, error_figure
from ctsigprop.analysis.plots.figures import Figures, Finished, figures_of
from ctsigprop.analysis.plots.probe_curves import gradient_figure, signal_bands, stability_figure
from ctsigprop.analysis.plots.style import styled
from ctsigprop.analysis.plots.time_courses import Shown, time_course_figure
from ctsigprop.analysis.plots.weights import predictions_figure, weights_figure
from ctsigprop.continuous.equilibrium import LayerSweeps
from ctsigprop.continuous.network import Network
from ctsigprop.continuous.trained import Trained
from ctsigprop.settings import NetworkSettings, Settings, SolverSettings


def row(epoch: int, **changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = dict.fromkeys(("train_error", "validation_error", "test_error"), 9.0 / epoch)
    found |= dict.fromkeys(("free_residual", "clamped_residual"), 1e-5)
    found |= dict.fromkeys(("free_sweeps", "clamped_sweeps"), 2.0 / epoch)
    return found | {"epoch": epoch, "angles": {"W12 vs W21": 90.0 - epoch}} | changed


def probed(epoch: int, **changed: Any) -> dict[str, Any]:
    """A row with everything that a probe measures, some of it undefined."""
    found = {
        "signals": {"W12 vs W21": {"samples": 5, "mean": 80.0 - epoch, "standard_deviation": 4.0}},
        "gradient": {name: {"cosine": 0.5, "norm_ratio": 2.0 * epoch} for name in ("W01", "W12", "W9_10", "b1")},
        "stability": {"loop_gain": 0.3, "time_constant": 1.5, "oscillating": 0.25},
    }
    return row(epoch, probe=found | changed)


UNDEFINED = {
    "signals": {"W12 vs W21": {"samples": 0, "mean": None, "standard_deviation": None}},
    "gradient": {name: {"cosine": None, "norm_ratio": 0.0} for name in ("W01", "W12")},
    "stability": {"loop_gain": 1.3, "time_constant": None, "oscillating": 1.0},
}
EARLY = [{"batch": batch, "epoch": batch / 4, "angles": {"W12 vs W21": 90.0}} for batch in range(4)]

METRICS = {
    "probed": [probed(1) | {"early": EARLY}, probed(2), probed(3)],
    "probed in vain": [probed(1, **UNDEFINED)],
    "probed since the second epoch": [row(1), probed(2), probed(3, **UNDEFINED)],
    "one epoch": [row(1)],
    "many epochs": [row(epoch) for epoch in range(1, 31)],
    "no angles": [row(1, angles={}), row(2, angles={})],
    "angles since the second epoch": [row(1, angles={}), row(2)],
    "no error left": [row(1), row(2, train_error=0.0, validation_error=0.0, test_error=0.0)],
    "a residual of zero": [row(1, free_residual=0.0, clamped_residual=0.0)],
    "a residual that was not finite": [row(1), row(2, free_residual=None)],
}


def learned(trained: Trained) -> Figures:
    with styled():
        return Figures(weights=weights_figure(trained), predictions=predictions_figure(trained))


@pytest.mark.parametrize("name", METRICS)
def test_curves_of_every_kind_of_run(name: str, tmp_path: Path) -> None:
    paths = figures_of(Finished(Settings(), METRICS[name], lambda: None)).save(tmp_path)
    drawn = ["errors", "phases"] if name == "no angles" else ["errors", "phases", "angles"]
    if name.startswith("probed"):
        drawn += ["gradient", "stability"]
    assert [path.stem for path in paths] == drawn
    for path in paths:
        assert imread(path).std() > 0.01


def test_errors_that_fall_far_are_on_a_log_axis() -> None:
    with styled():
        drawn = [error_figure([row(1), row(2, train_error=last)]) for last in (1.0, 0.1)]
    assert [figure.axes[0].get_yscale() for figure in drawn] == ["linear", "log"]


def test_angle_curves_follow_the_names_of_the_last_epoch() -> None:
    curves = angle_curves([row(1, angles={"old": 3.0}), row(2)])
    assert list(curves) == ["W12 vs W21"]
    np.testing.assert_array_equal(curves["W12 vs W21"], ([1, 2], [np.nan, 88.0]))
    assert angle_curves([]) == {}


def test_early_angles_stand_at_fractions_of_the_first_epoch() -> None:
    epochs, degrees = angle_curves(METRICS["probed"])["W12 vs W21"]
    assert epochs == [0, 0.25, 0.5, 0.75, 1, 2, 3]
    assert degrees == [90, 90, 90, 90, 89, 88, 87]


def test_signals_have_a_panel_of_their_own() -> None:
    metrics = METRICS["probed"]
    with styled():
        matrices, signals = angle_figure(angle_curves(metrics), signals=signal_bands(metrics)).axes
    assert list(matrices.lines[1].get_ydata()) == [90, 90, 90, 90, 89, 88, 87]
    assert [list(line.get_ydata()) for line in signals.lines] == [[79, 78, 77], [90, 90]]
    edges = signals.collections[0].get_paths()[0].vertices[:, 1]
    assert (edges.min(), edges.max()) == (73, 83)


def test_gradients_and_stability_are_drawn_as_they_were_logged() -> None:
    with styled():
        cosine, ratio = gradient_figure(METRICS["probed"]).axes
        gain, time_constant, oscillating = stability_figure(METRICS["probed"]).axes
    names = ["$W_{01}$", "$W_{12}$", "$W_{9,10}$"]
    assert [line.get_label() for line in ratio.lines[:3]] == names
    assert [list(line.get_ydata()) for line in ratio.lines] == [[2, 4, 6]] * 3 + [[1, 1]]
    assert ratio.get_yscale() == "log"
    assert list(cosine.lines[0].get_ydata()) == [0.5, 0.5, 0.5]
    assert [list(line.get_ydata()) for line in gain.lines] == [[0.3] * 3, [1, 1]]
    assert gain.get_ylim()[1] > 1
    assert list(time_constant.lines[0].get_ydata()) == [1.5] * 3
    assert list(oscillating.lines[0].get_ydata()) == [0.25] * 3


def test_angles_are_named_as_in_the_paper() -> None:
    assert angle_label("W23 vs W31*W12") == r"$W_{31}W_{12}\,\angle\,W_{23}$"
    assert angle_label("W9_10 vs W10_9") == r"$W_{10,9}\,\angle\,W_{9,10}$"


def test_angle_figure_shows_curves_bars_and_90_degrees() -> None:
    curves = {f"W{n}2 vs W2{n}": ([0, 1, 2], [90.0, 70.0, 50.0 + n]) for n in range(8)}
    with styled():
        figure = angle_figure(curves, {"W12 vs W21": (2, 40.0, 5.0)})
        (axes,) = figure.axes
        labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["random weights", *map(angle_label, curves), "sample by sample,\nmean and SD"]
    (bar,) = (found for found in axes.containers if found.has_yerr and len(found[0].get_xdata()))
    assert list(bar[0].get_ydata()) == [40.0]
    assert bar[0].get_xdata()[0] > 2
    assert [line for line in axes.lines if list(line.get_ydata()) == [90, 90]]


def test_a_users_own_defaults_are_left_alone() -> None:
    before = dict(mpl.rcParams)
    with styled():
        assert mpl.rcParams["axes.spines.top"] is False
    assert dict(mpl.rcParams) == before


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"shape": (3, 6, 6)},
        {"moved": 0.0},
        {"network": NetworkSettings(hidden=(3, 40), precision="float32", rho="tanh")},
        {"classes": 12, "shape": (28, 28)},
    ],
    ids=str,
)
def test_what_was_learned_is_drawn_for_every_kind_of_image(
    make_trained: Callable[..., Trained], case: dict[str, Any], tmp_path: Path
) -> None:
    paths = learned(make_trained(**case)).save(tmp_path)
    assert [path.name for path in paths] == ["weights.png", "predictions.png"]
    for path in paths:
        assert imread(path).std() > 0.01


def test_rates_outside_of_0_to_1_are_seen_whole(
    make_trained: Callable[..., Trained],
) -> None:
    network = NetworkSettings(hidden=(8,), precision="float64", rho="rectifier")
    trained = make_trained(network=network)
    trained.network.biases[-1][:] = [2.5, -1.0, 0.4]
    panels = [axes for part in learned(trained)["predictions"].subfigs for axes in part.axes if axes.patches]
    highest = max(bar.get_height() for axes in panels for bar in axes.patches)
    assert highest > 1
    for axes in panels:
        heights = [bar.get_height() for bar in axes.patches]
        assert axes.get_ylim()[0] <= min(heights)
        assert max(heights) <= axes.get_ylim()[1]


def test_a_network_without_mistakes_is_drawn(make_trained: Callable[..., Trained], tmp_path: Path) -> None:
    trained = make_trained()
    trained.data.test.labels[:] = 1
    trained.network.connections[2].weight[...] = 0
    trained.network.biases[-1][1] = 1
    assert learned(trained).save(tmp_path)[1].exists()


@pytest.mark.parametrize("architecture", ["sigprop_loop", "symmetric_ep"])
@pytest.mark.parametrize("hidden", [[9], [12, 9, 8]])
def test_a_time_course_has_a_panel_for_each_quantity(
    make_network: Callable[..., Network], architecture: str, hidden: list[int]
) -> None:
    network = make_network(hidden, architecture=architecture)
    rng = np.random.default_rng(1)
    courses = time_courses(LayerSweeps(network), rng.random((2, 6)), np.eye(4)[[2, 1]], 0.5, SolverSettings("dopri5"))
    with styled():
        figure = time_course_figure(
            *(courses, network.rates_of(courses.states), 1, Shown(rng.random((4, 4, 1)), 1, "caption")),
            beta=0.5,
            tolerance=1e-4,
        )
        figure.canvas.draw()
    labels = [axes.get_ylabel() for axes in figure.axes][1:]
    layers = [f"layer {layer} rates" for layer in range(1, len(hidden) + 1)]
    energy = ["energy"] if architecture == "symmetric_ep" else []
    assert labels == ["output rates", *layers, "relative residual", *energy]
    for axes in figure.axes[1:]:
        assert any(list(line.get_xdata()) == [courses.nudged] * 2 for line in axes.lines)
