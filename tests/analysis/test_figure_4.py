"""Fig. 4: its points, the paper's claims on series whose answer is known, and what is drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.image import imread

from ctsigprop.analysis.plots.style import save, styled
from ctsigprop.experiments.paper.figure_4.claims import (
    BELOW,
    LEAST,
    SIMILAR,
    SOONEST,
    all_claims,
    convergence,
    ends_below,
    first_layer_least,
    fixed_is_similar,
    in_words,
    loop_first,
)
from ctsigprop.experiments.paper.figure_4.drawing import angles_figure
from ctsigprop.experiments.paper.figure_4.gradient import gradient_curve, gradient_figure
from ctsigprop.experiments.paper.figure_4.series import (
    ANGLES,
    FIRST,
    LOOP,
    SECOND,
    MeasuredRun,
    Random,
    Series,
    all_series,
    random_weights,
)

NETWORK = "784-8-6-10"


def row(epoch: int, degrees: float = 60.0, samples: int = 5, **more: Any) -> dict[str, Any]:
    nothing: dict[str, Any] = {"samples": 0, "mean": None, "standard_deviation": None}
    signal = {"samples": samples, "mean": degrees - 1, "standard_deviation": 2.0} if samples else nothing
    gradient = {name: {"cosine": 0.5, "norm_ratio": 2.0} for name in ("W01", "W12", "W23", "W31", "b1")}
    probe = {"signals": dict.fromkeys(ANGLES, signal), "gradient": gradient}
    return {"epoch": epoch, "angles": dict.fromkeys(ANGLES, degrees), "probe": probe, **more}


def run(
    label: str, rows: Sequence[dict[str, Any]], *, fixed: str | None = None, seed: int = 0, **more: Any
) -> MeasuredRun:
    return MeasuredRun(label, more.get("network", NETWORK), seed, fixed, rows[0], rows[1:])


def early(batch: int, of: int, degrees: float) -> dict[str, Any]:
    return {"batch": batch, "epoch": batch / of, "angles": dict.fromkeys(ANGLES, degrees)}


def ends(
    loop: float, second: float, first: float, *, bar: float | None = None, run: str = "learned"
) -> dict[str, Series]:
    """Angles that turn at one pace from 90 degrees at epoch 0 to these at epoch 10."""
    measure, bars = ("matrices", ()) if bar is None else ("signals", (bar, bar))
    degrees = zip(ANGLES, (loop, second, first), strict=True)
    return {angle: Series(run, angle, measure, (0, 10), (90.0, end), bars) for angle, end in degrees}  # type: ignore[arg-type]


def random(spread: float) -> dict[str, Random]:
    return {angle: Random(NETWORK, angle, "matrices", 20, 90.1, spread) for angle in ANGLES}


def test_points_are_those_of_the_start_the_first_epoch_and_every_epoch() -> None:
    rows = [row(0, 90), row(1, 70, early=[early(0, 4, 89.9), early(2, 4, 80)]), row(2, 60, samples=0), row(3, 50)]
    series = all_series([run("learned", rows)])
    assert len(series) == 6
    for one in series:
        if one.measure == "matrices":
            assert (one.epochs, one.degrees, one.deviations) == ((0, 0.5, 1, 2, 3), (90, 80, 70, 60, 50), ())
        else:
            assert (one.epochs, one.degrees) == ((0, 1, 3), (89, 69, 49))
            assert one.deviations == (2.0, 2.0, 2.0)


def test_a_measure_that_was_never_taken_has_no_series() -> None:
    rows = [{"epoch": 0, "angles": dict.fromkeys(ANGLES, 90.0)}]
    assert {one.measure for one in all_series([run("learned", rows)])} == {"matrices"}
    assert {one.measure for one in all_series([run("learned", [row(0, samples=0)])])} == {"matrices"}


def test_the_spread_of_random_weights_is_that_of_all_their_samples() -> None:
    rng = np.random.default_rng(1)
    degrees = 90 + rng.normal(size=(6, 1)) * 5 + rng.normal(size=(6, 40)) * 3
    rows = [row(0, samples=0) for _ in degrees] + [row(0, samples=0)]
    for found, of_network in zip(rows, degrees, strict=False):
        found["angles"] = dict.fromkeys(ANGLES, of_network[0])
        signal = {"samples": 40, "mean": of_network.mean(), "standard_deviation": of_network.std()}
        found["probe"]["signals"] = dict.fromkeys(ANGLES, signal)
    matrices, signals = random_weights(NETWORK, rows)[:2]
    assert (matrices.measure, matrices.networks, signals.measure, signals.networks) == ("matrices", 7, "signals", 6)
    assert signals.mean == pytest.approx(degrees.mean())
    assert signals.standard_deviation == pytest.approx(degrees.std())


@pytest.mark.parametrize(
    ("bar", "spread", "holds"), [(None, 9.9, True), (None, 10.1, False), (9.9, 1.0, True), (10.1, 1.0, False)]
)
def test_angles_below_90_by_more_than_bar_and_random_spread(bar: float | None, spread: float, holds: bool) -> None:
    claim = ends_below(ends(50, 60, 80, bar=bar), random(spread))
    assert (claim.claim, claim.on, claim.holds) == (BELOW, ("learned",), holds)
    expected = {"degrees": 80, "below_90": 10, "error_bar": bar or 0, "random_mean": 90.1, "random_spread": spread}
    assert claim.numbers[FIRST] == expected


def test_the_loop_converges_first_or_not() -> None:
    angles = ends(50, 60, 80)
    angles[LOOP] = Series("learned", LOOP, "matrices", (0, 2, 10), (90, 54, 50))
    claim = loop_first(angles)
    assert (claim.claim, claim.holds) == (SOONEST, True)
    assert claim.numbers[LOOP]["converged_at_epoch"] == pytest.approx(2)
    angles[SECOND] = Series("learned", SECOND, "matrices", (0, 1, 10), (90, 60, 60))
    claim = loop_first(angles)
    assert not claim.holds
    assert claim.numbers[SECOND] == {"start": 90, "end": 60, "converged_at_epoch": pytest.approx(0.9)}


@given(start=st.floats(1, 179), end=st.floats(1, 179), last=st.integers(1, 60))
def test_an_angle_at_one_pace_has_converged_after_nine_tenths_of_the_time(start: float, end: float, last: int) -> None:
    epochs = tuple(range(last + 1))
    degrees = (*(start + (end - start) * epoch / last for epoch in epochs[:-1]), end)
    found = convergence(Series("learned", LOOP, "matrices", epochs, degrees))
    resolved = abs(end - start) > 1e-6
    assert found == pytest.approx(0.9 * last) if resolved else 0 <= found <= last


def test_an_angle_that_overshoots_has_converged_when_it_first_comes_near_and_a_constant_one_at_once() -> None:
    assert convergence(Series("learned", LOOP, "matrices", (0, 1, 2), (90, 30, 40))) == pytest.approx(45 / 60)
    assert convergence(Series("learned", LOOP, "matrices", (0, 1, 2), (90, 90, 90))) == 0


@pytest.mark.parametrize(("angles", "holds"), [((52, 62, 80), True), ((17, 60, 48), False), ((52, 62, 62), False)])
def test_the_first_hidden_layer_is_least_aligned_or_not(angles: tuple[float, float, float], holds: bool) -> None:
    claim = first_layer_least(ends(*angles))
    assert (claim.claim, claim.holds) == (LEAST, holds)


@pytest.mark.parametrize(
    ("fixed", "bar", "holds"), [(70, None, True), (70.1, None, False), (72, 12.0, True), (48, 11.0, False)]
)
def test_a_fixed_loop_is_similar_within_ten_degrees_or_the_error_bar(
    fixed: float, bar: float | None, holds: bool
) -> None:
    claim = fixed_is_similar(ends(50, 60, 80, bar=1.0), ends(50, fixed, 80, bar=bar, run="fixed-loop"))
    assert (claim.claim, claim.on, claim.holds) == (SIMILAR, ("learned", "fixed-loop"), holds)
    assert claim.numbers[SECOND]["fixed_less_learned"] == pytest.approx(fixed - 60)


def test_claims_are_judged_on_the_runs_that_are_there() -> None:
    rows = [row(0, 90), row(1, 70)]
    learned, fixed = run("learned", rows), run("fixed-loop", rows, fixed="loop")
    others = [run("seed 1", rows, seed=1), run("narrow", rows, fixed="loop", network="784-4-4-10")]
    layer = run("fixed-W12", rows, fixed="W12")
    spreads = random_weights(NETWORK, [row(0, 89), row(0, 91)])

    def judged(runs: list[MeasuredRun]) -> set[tuple[str, tuple[str, ...]]]:
        claims = all_claims(runs, all_series(runs), spreads)
        assert {claim.measure for claim in claims} == {"matrices", "signals"}
        assert all(in_words(claim).startswith("W31 ") for claim in claims)
        return {(claim.claim, claim.on) for claim in claims}

    alone = {(BELOW, ("learned",)), (SOONEST, ("learned",)), (LEAST, ("learned",))}
    assert judged([learned]) == alone
    pair = alone | {(BELOW, ("fixed-loop",)), (SIMILAR, ("learned", "fixed-loop"))}
    assert judged([learned, fixed]) == pair
    seed = {(claim, ("seed 1",)) for claim in (BELOW, SOONEST, LEAST)}
    assert judged([learned, fixed, *others, layer]) == pair | seed | {(BELOW, ("fixed-W12",))}


def test_a_claim_in_words() -> None:
    assert in_words(first_layer_least(ends(52, 62, 80.14))) == "W31 52.0, W23 62.0, W12 80.1 degrees"
    assert in_words(first_layer_least(ends(52, 62, 80, bar=3))).startswith("W31 52.0 +- 3.0, W23")


def drawn(runs: list[MeasuredRun]) -> Figure:
    with styled():
        return angles_figure(runs, all_series(runs), random_weights(NETWORK, [row(0, 89), row(0, 91)]))


def test_the_figure_has_two_rows_error_bars_and_the_90_degree_line() -> None:
    rows = [row(0, 90), row(1, 70), row(4, 60), row(6, 50)]
    runs = [
        run("learned", rows),
        run("fixed-loop", rows, fixed="loop"),
        run("narrow-seed-0", rows, network="784-4-4-10"),
        run("fixed-W23", rows, fixed="W23"),
    ]
    panels = drawn(runs).axes
    assert len(panels) == 6
    lines = [[list(line.get_ydata()) for line in axes.lines] for axes in panels]
    assert all([90, 90] in found for found in lines)
    assert [found.count([90, 70, 60, 50]) for found in lines] == [3, 3, 3, 3, 3, 0]
    for axes, curves in zip(panels, (2, 2, 2, 3, 3, 0), strict=True):
        bars = [found for found in axes.containers if found.has_yerr]
        assert len(bars) == curves
        for bar in bars:
            assert list(bar[0].get_ydata()) == [89, 69, 49]  # epochs 0 and 1, and the last
            (segments,) = bar[2]
            np.testing.assert_allclose([np.ptp(segment[:, 1]) for segment in segments.get_segments()], 4.0)
    assert [text.get_text() for text in panels[5].texts] == ["not trained yet"]


def test_a_figure_of_one_run_is_written_as_png_and_pdf(tmp_path: Path) -> None:
    figure = drawn([run("learned", [row(0, 90), row(1, 70)])])
    with styled():
        assert imread(save(figure, tmp_path / "figure.png")).std() > 0.01
        assert save(figure, tmp_path / "figure.pdf").read_bytes().startswith(b"%PDF")


def test_gradient_curves_leave_gaps_where_a_quantity_is_not_defined(tmp_path: Path) -> None:
    rows = [row(0), row(1), row(2)]
    rows[1]["probe"]["gradient"] = {"W12": {"cosine": None, "norm_ratio": 0.0}}
    learned = run("learned", rows)
    np.testing.assert_array_equal(gradient_curve(learned, "W12", "cosine"), ([0, 1, 2], [0.5, np.nan, 0.5]))
    np.testing.assert_array_equal(gradient_curve(learned, "W31", "norm_ratio"), ([0, 1, 2], [2, np.nan, 2]))
    with styled():
        figure = gradient_figure([learned, run("fixed-loop", rows, fixed="loop"), run("fixed-W12", rows, fixed="W12")])
        assert imread(save(figure, tmp_path / "gradient.png")).std() > 0.01
    assert [sum(len(line.get_xdata()) == 3 for line in axes.lines) for axes in figure.axes] == [8, 8]
