"""Bars of test errors: every figure has its bar, and what is not measured has none."""

from ctsigprop.analysis.plots.error_bars import error_bars
from ctsigprop.analysis.plots.style import styled


def test_every_error_has_its_bar_and_its_number() -> None:
    panels = {
        "MNIST": {"BP": (0.91, 0.84), "SP": (None, 1.01)},
        "Fashion-MNIST": {"BP": (7.0, 6.7), "SP": (12.0, None)},
    }
    with styled():
        figure = error_bars(panels)
    for axes, (dataset, models) in zip(figure.get_axes(), panels.items(), strict=True):
        assert axes.get_title(loc="left") == dataset
        errors = [error for side in (0, 1) for pair in models.values() if (error := pair[side]) is not None]
        assert [bar.get_height() for bar in axes.patches] == errors
        assert [text.get_text() for text in axes.texts] == [f"{error:.2f}" for error in errors]
        assert [label.get_text() for label in axes.get_xticklabels()] == list(models)
        low, high = axes.get_ylim()
        assert low < 0.84 and high > 12.0


def test_without_any_error_there_is_an_empty_figure() -> None:
    (axes,) = error_bars({"MNIST": {"SP": (None, None)}}).get_axes()
    assert len(axes.patches) == 0
