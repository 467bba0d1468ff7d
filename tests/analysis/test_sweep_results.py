"""Tables and figures of a sweep, from rows whose means and deviations are known."""

from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from ctsigprop.experiments.sweeps import figures as sweep_figures
from ctsigprop.experiments.sweeps.figures import draw_sweep
from ctsigprop.experiments.sweeps.table import Row, results, summary, to_csv, to_text

ANGLE = "W12 vs W21"
SEEDS = (0, 1, 2)


def row(error: float, **swept: Any) -> Row:
    values = {name.replace("_", ".", 1): value for name, value in swept.items()}
    found = {
        "best_epoch": 1,
        "best_validation_error": error,
        "test_error": error,
        "final_train_error": 0.0,
        "seconds": 1.0,
    }
    return Row(str(sorted(swept.items())), values, found, {ANGLE: 80 - error}, Path())


def grid(betas: list[float], seeds: tuple[int, ...] = SEEDS, **others: list[Any]) -> tuple[pd.DataFrame, list[str]]:
    """A table in which the error is 10 beta + seed."""
    rows = [
        row(10 * beta + seed, nudging_beta=beta, training_seed=seed, **dict(zip(others, values, strict=True)))
        for beta, *values, seed in product(betas, *others.values(), seeds)
    ]
    return results(rows), list(rows[0].swept)


def test_mean_and_standard_deviation_over_the_seeds_in_the_order_of_the_file() -> None:
    table, swept = grid([0.5, 0.1])
    found = summary(table, swept)
    assert list(found["nudging.beta"]) == [0.5, 0.1]
    assert list(found["n"]) == [3, 3]
    assert list(found["test_error_mean"]) == pytest.approx([6, 2])
    assert list(found["test_error_sd"]) == pytest.approx([1, 1])
    assert list(found[f"{ANGLE}_mean"]) == pytest.approx([74, 78])


def test_one_seed_has_no_deviation_and_seeds_alone_are_one_row() -> None:
    table, swept = grid([0.5, 0.1], seeds=(7,))
    found = summary(table, swept)
    assert found["test_error_sd"].isna().all()
    assert "12.00\n" not in to_text(found, swept)
    table, _ = grid([0.5])
    alone = summary(table.drop(columns="nudging.beta"), ["training.seed"])
    assert list(alone["test_error_mean"]) == [6]
    assert "6.00 +- 1.00" in to_text(alone, ["training.seed"])


def test_values_that_are_no_numbers_are_written_as_in_a_sweep_file(tmp_path: Path) -> None:
    table, swept = grid([0.5], learning_fixed=[[], ["loop"]], network_hidden=[[64, 64]], data_limit=[None, 100])
    to_csv(table, tmp_path / "results.csv")
    read = pd.read_csv(tmp_path / "results.csv", keep_default_na=False)
    assert list(read.columns[:6]) == ["point", *swept[:1], *swept[1:]]
    assert set(read["learning.fixed"]) == {"[]", "[loop]"}
    assert set(read["network.hidden"]) == {"[64, 64]"}
    assert set(read["data.limit"]) == {"null", "100"}
    assert len(summary(table, swept)) == 4


@pytest.mark.parametrize(
    ("betas", "others", "figures"),
    [
        ([0.05, 0.5, 2], {}, ["test-error", "angles"]),
        ([0.05, 0.5, 2], {"learning_fixed": [[], ["loop"]]}, ["test-error", "angles"]),
        ([0.5], {"network_hidden": [[8], [8, 8]]}, ["test-error", "angles"]),
        ([0.1, 0.5], {"learning_decay": [0.9, 1.0], "learning_fixed": [[], ["loop"]]}, ["test-error", "angles", "map"]),
        ([0.5], {}, []),
    ],
)
def test_the_figures_that_a_sweep_calls_for_are_drawn(
    tmp_path: Path, betas: list[float], others: dict[str, list[Any]], figures: list[str]
) -> None:
    table, swept = grid(betas, **others)
    drawn = draw_sweep(table, swept, tmp_path)
    assert [path.stem for path in drawn] == figures
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in drawn)


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures that a sweep draws, by name."""
    drawn: dict[str, Figure] = {}
    monkeypatch.setattr(sweep_figures, "save", lambda figure, path: drawn.setdefault(path.stem, figure) and path)
    return drawn


def test_a_random_sample_of_two_settings_is_drawn_as_points(tmp_path: Path, figures: dict[str, Figure]) -> None:
    rows = [row(place, nudging_beta=0.01 * 1.5**place, learning_decay=1 - 0.01 * place) for place in range(25)]
    draw_sweep(results(rows), list(rows[0].swept), tmp_path)
    assert list(figures) == ["test-error", "angles", "map"]
    panel = figures["map"].axes[0]
    assert not panel.images
    (points,) = panel.collections
    np.testing.assert_allclose(points.get_offsets(), [list(one.swept.values()) for one in rows])
    np.testing.assert_allclose(points.get_array(), range(25))


@pytest.mark.parametrize("missing", [0, 1])
def test_panels_of_a_map_share_their_axes(tmp_path: Path, figures: dict[str, Figure], missing: int) -> None:
    """Cells stand at whole numbers, points at their values: one point that is missing makes points of all."""
    rows = [
        row(10 * beta, nudging_beta=beta, learning_decay=decay, network_hidden=hidden)
        for beta, decay, hidden in product([0.1, 1.0, 10.0], [0.9, 1.0], [[8], [9]])
    ]
    draw_sweep(results(rows[missing:]), list(rows[0].swept), tmp_path)
    panels = [axes for axes in figures["map"].axes if axes.get_xlabel()]
    assert len(panels) == 2
    for axes in panels:
        assert bool(axes.images) != bool(missing)
        if missing:
            (points,) = axes.collections
            assert set(points.get_offsets()[:, 0]) == {0.1, 1.0, 10.0}
        else:
            np.testing.assert_allclose(axes.images[0].get_array(), [[1, 10, 100]] * 2)
            assert [text.get_text() for text in axes.get_xticklabels()] == ["0.1", "1", "10"]


def test_paths_are_labelled_by_their_last_part_and_dollars_are_no_mathematics(
    tmp_path: Path, figures: dict[str, Figure]
) -> None:
    rows = [row(place, data_events=f"/recordings/of/{place}$a$_", training_seed=0) for place in range(3)]
    draw_sweep(results(rows), list(rows[0].swept), tmp_path)
    (axes,) = figures["test-error"].axes
    assert [label.get_text() for label in axes.get_xticklabels()] == [rf"{place}\$a\$_" for place in range(3)]
    figures["test-error"].draw_without_rendering()


def test_a_written_table_reads_as_it_was(tmp_path: Path) -> None:
    table, _ = grid([0.1, 1 / 3])
    to_csv(table, tmp_path / "results.csv")
    pd.testing.assert_frame_equal(pd.read_csv(BytesIO((tmp_path / "results.csv").read_bytes())), table)
